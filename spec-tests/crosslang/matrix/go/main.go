// The official Go SDK, sending and receiving over HTTP: `peer URL`. See ../../README.md for the lines that it reads and writes.
package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"crosslang"
)

const patience = 30 * time.Second

func main() { crosslang.Serve(send, receive) }

func send(asked crosslang.Request) []*string {
	protocol, err := cloudevents.NewHTTP(cehttp.WithTarget(asked.Address))
	crosslang.Must(err)
	client, err := cloudevents.NewClient(protocol)
	crosslang.Must(err)
	return crosslang.SendAll(client, asked)
}

func receive(asked crosslang.Request) []crosslang.Received {
	address, err := url.Parse(asked.Address)
	crosslang.Must(err)
	arrived := make(chan crosslang.Received, asked.Count)
	listener, err := net.Listen("tcp", address.Host)
	crosslang.Must(err)
	server := &http.Server{Handler: http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		arrived <- crosslang.Decode(cehttp.NewMessageFromHttpRequest(request))
		response.WriteHeader(http.StatusNoContent)
	})}
	go server.Serve(listener)
	crosslang.Subscribed()
	answers := []crosslang.Received{}
	end := time.After(patience)
	for len(answers) < asked.Count {
		select {
		case one := <-arrived:
			answers = append(answers, one)
		case <-end:
			server.Shutdown(context.Background())
			return answers
		}
	}
	server.Shutdown(context.Background())
	return answers
}
