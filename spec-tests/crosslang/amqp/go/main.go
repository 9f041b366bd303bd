// The official Go SDK, sending and receiving over AMQP 1.0: `peer URL`. See the README for the lines it reads and writes.
package main

import (
	"context"
	"os"
	"time"

	goamqp "github.com/Azure/go-amqp"
	"github.com/cloudevents/sdk-go/protocol/amqp/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"

	"crosslang"
)

const patience = 30 * time.Second

var anonymous = []goamqp.ConnOption{goamqp.ConnSASLAnonymous()}

func main() { crosslang.Serve(send, receive) }

func send(asked crosslang.Request) []*string {
	protocol, err := amqp.NewSenderProtocol(os.Args[1], asked.Address, anonymous, nil)
	crosslang.Must(err)
	defer protocol.Close(context.Background())
	client, err := cloudevents.NewClient(protocol)
	crosslang.Must(err)
	return crosslang.SendAll(client, asked)
}

func receive(asked crosslang.Request) []crosslang.Received {
	protocol, err := amqp.NewReceiverProtocol(os.Args[1], asked.Address, anonymous, nil)
	crosslang.Must(err)
	defer protocol.Close(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answers := []crosslang.Received{}
	for len(answers) < asked.Count {
		message, err := protocol.Receive(ctx)
		if err != nil {
			break
		}
		answers = append(answers, crosslang.Decode(message))
		crosslang.Must(message.Finish(nil))
	}
	return answers
}
