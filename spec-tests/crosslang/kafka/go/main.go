// The official Go SDK with sarama, sending and receiving over Kafka: `peer HOST:PORT`. See the README for the lines it reads and
// writes.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/types"
)

const patience = 30 * time.Second

type typed struct {
	Type  string
	Value any
}

type tagged struct {
	Specversion string
	Attributes  map[string]typed
	Data        map[string]string
}

type request struct {
	Topic, Mode string
	Events      []tagged
	Count       int
}

type received struct {
	Attributes map[string]string `json:"attributes,omitempty"`
	Data       *string           `json:"data"`
	Error      string            `json:"error,omitempty"`
}

func main() {
	servers := []string{os.Args[1]}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var asked request
		must(json.Unmarshal(in.Bytes(), &asked))
		if asked.Events != nil {
			must(out.Encode(send(servers, asked)))
		} else {
			must(out.Encode(receive(servers, asked)))
		}
	}
}

func send(servers []string, asked request) []*string {
	config := sarama.NewConfig()
	sender, err := kafka_sarama.NewSender(servers, config, asked.Topic)
	must(err)
	defer sender.Close(context.Background())
	client, err := cloudevents.NewClient(sender)
	must(err)
	ctx := binding.WithForceBinary(context.Background())
	if asked.Mode == "structured" {
		ctx = binding.WithForceStructured(context.Background())
	}
	answers := []*string{}
	for _, event := range asked.Events {
		event, err := build(event)
		if err == nil {
			if result := client.Send(ctx, event); !cloudevents.IsACK(result) {
				err = result
			}
		}
		var answer *string
		if err != nil {
			text := err.Error()
			answer = &text
		}
		answers = append(answers, answer)
	}
	return answers
}

func receive(servers []string, asked request) []received {
	consumer, err := sarama.NewConsumer(servers, sarama.NewConfig())
	must(err)
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(asked.Topic, 0, sarama.OffsetOldest)
	must(err)
	defer partition.Close()
	answers := []received{}
	end := time.After(patience)
	for len(answers) < asked.Count {
		select {
		case record := <-partition.Messages():
			answers = append(answers, decode(record))
		case <-end:
			return answers
		}
	}
	return answers
}

// decode does what the SDK's receiver does with a record.
func decode(record *sarama.ConsumerMessage) (answer received) {
	event, err := binding.ToEvent(context.Background(), kafka_sarama.NewMessageFromConsumerMessage(record))
	if err == nil {
		err = event.Validate()
	}
	if err != nil {
		return received{Error: err.Error()}
	}
	answer.Attributes = map[string]string{"specversion": event.SpecVersion(), "id": event.ID(), "source": event.Source(), "type": event.Type()}
	for name, value := range map[string]string{
		"subject": event.Subject(), "dataschema": event.DataSchema(), "datacontenttype": event.DataContentType(),
	} {
		if value != "" {
			answer.Attributes[name] = value
		}
	}
	if !event.Time().IsZero() {
		answer.Attributes["time"] = types.FormatTime(event.Time())
	}
	for name, value := range event.Extensions() {
		text, err := types.Format(value)
		must(err)
		answer.Attributes[name] = text
	}
	if data := event.Data(); data != nil {
		text := base64.StdEncoding.EncodeToString(data)
		answer.Data = &text
	}
	return answer
}

func build(from tagged) (cloudevents.Event, error) {
	event := cloudevents.NewEvent(from.Specversion)
	contentType := ""
	for name, attribute := range from.Attributes {
		text, _ := attribute.Value.(string)
		switch name {
		case "id":
			event.SetID(text)
		case "source":
			event.SetSource(text)
		case "type":
			event.SetType(text)
		case "subject":
			event.SetSubject(text)
		case "dataschema":
			event.SetDataSchema(text)
		case "datacontenttype":
			contentType = text
			event.SetDataContentType(text)
		case "time":
			instant, err := types.ParseTime(text)
			if err != nil {
				return event, err
			}
			event.SetTime(instant)
		default:
			value, err := extension(attribute)
			if err != nil {
				return event, err
			}
			event.SetExtension(name, value)
		}
	}
	for kind, text := range from.Data {
		var data any
		switch kind {
		case "json":
			data = json.RawMessage(text)
			if contentType == "" {
				contentType = cloudevents.ApplicationJSON
			}
		case "text":
			data = []byte(text)
		case "binary":
			bytes, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return event, err
			}
			data = bytes
		default:
			return event, fmt.Errorf("no payload of the kind %s", kind)
		}
		if err := event.SetData(contentType, data); err != nil {
			return event, err
		}
	}
	return event, nil
}

func extension(attribute typed) (any, error) {
	switch value := attribute.Value.(type) {
	case float64:
		return int32(value), nil
	case string:
		switch attribute.Type {
		case "Timestamp":
			return types.ParseTime(value)
		case "Binary":
			return base64.StdEncoding.DecodeString(value)
		case "URI":
			return types.ParseURI(value), nil
		case "URI-reference":
			return types.ParseURIRef(value), nil
		}
		return value, nil
	default:
		return value, nil
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
