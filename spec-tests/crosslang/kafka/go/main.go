// The official Go SDK with sarama, sending and receiving over Kafka: `peer HOST:PORT`. See the README for the lines it reads and
// writes.
package main

import (
	"context"
	"os"
	"time"

	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"

	"crosslang"
)

const patience = 30 * time.Second

var servers = []string{os.Args[1]}

func main() { crosslang.Serve(send, receive) }

func send(asked crosslang.Request) []*string {
	sender, err := kafka_sarama.NewSender(servers, sarama.NewConfig(), asked.Address)
	crosslang.Must(err)
	defer sender.Close(context.Background())
	client, err := cloudevents.NewClient(sender)
	crosslang.Must(err)
	return crosslang.SendAll(client, asked)
}

func receive(asked crosslang.Request) []crosslang.Received {
	consumer, err := sarama.NewConsumer(servers, sarama.NewConfig())
	crosslang.Must(err)
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(asked.Address, 0, sarama.OffsetOldest)
	crosslang.Must(err)
	defer partition.Close()
	answers := []crosslang.Received{}
	end := time.After(patience)
	for len(answers) < asked.Count {
		select {
		case record := <-partition.Messages():
			answers = append(answers, crosslang.Decode(kafka_sarama.NewMessageFromConsumerMessage(record)))
		case <-end:
			return answers
		}
	}
	return answers
}
