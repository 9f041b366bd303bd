// The official Go SDK with nats.go, sending and receiving over NATS: `peer core URL`, and over JetStream: `peer jetstream URL`. See the
// README for the lines it reads and writes.
package main

import (
	"context"
	"os"
	"strings"
	"time"

	cenats "github.com/cloudevents/sdk-go/protocol/nats/v2"
	"github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/protocol"
	"github.com/nats-io/nats.go"

	"crosslang"
)

const patience = 30 * time.Second

var jetstream, server = os.Args[1] == "jetstream", os.Args[2]

func main() {
	if jetstream {
		crosslang.Serve(send, receiveStored)
	} else {
		crosslang.Serve(send, receive)
	}
}

// The stream of a subject is what is before its first dot.
func stream(subject string) string { return strings.Split(subject, ".")[0] }

func send(asked crosslang.Request) []*string {
	connection, err := nats.Connect(server)
	crosslang.Must(err)
	defer connection.Close()
	var sender protocol.Sender
	if jetstream {
		sender, err = nats_jetstream.NewSenderFromConn(connection, stream(asked.Address), asked.Address, nil)
	} else {
		sender, err = cenats.NewSenderFromConn(connection, asked.Address)
	}
	crosslang.Must(err)
	client, err := cloudevents.NewClient(sender)
	crosslang.Must(err)
	answers := crosslang.SendAll(client, asked)
	crosslang.Must(connection.Flush())
	return answers
}

// The SDK does not report that it has subscribed. So messages are received with its parts: its Message, over a subscription of nats.go.
func receive(asked crosslang.Request) []crosslang.Received {
	connection, err := nats.Connect(server)
	crosslang.Must(err)
	defer connection.Close()
	subscription, err := connection.SubscribeSync(asked.Address)
	crosslang.Must(err)
	crosslang.Must(connection.Flush())
	crosslang.Subscribed()
	answers := []crosslang.Received{}
	for len(answers) < asked.Count {
		message, err := subscription.NextMsg(patience)
		if err != nil {
			break
		}
		answers = append(answers, crosslang.Decode(cenats.NewMessage(message)))
	}
	return answers
}

// From the beginning of the stream.
func receiveStored(asked crosslang.Request) []crosslang.Received {
	consumer, err := nats_jetstream.NewConsumer(server, stream(asked.Address), asked.Address, nil, nil, nil)
	crosslang.Must(err)
	crosslang.Subscribed()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go consumer.OpenInbound(ctx)
	answers := []crosslang.Received{}
	for len(answers) < asked.Count {
		message, err := consumer.Receive(ctx)
		if err != nil {
			break
		}
		answers = append(answers, crosslang.Decode(message))
		crosslang.Must(message.Finish(nil))
	}
	return answers
}
