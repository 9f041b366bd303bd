// Package crosslang is what programs with the official Go SDK share: lines of JSON in, lines of JSON out, and events between.
package crosslang

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/types"
)

// Typed is an attribute with the name of its type.
type Typed struct {
	Type  string
	Value any
}

// Tagged is a type-tagged event.
type Tagged struct {
	Specversion string
	Attributes  map[string]Typed
	Data        map[string]string
}

// Request asks to send events, or to receive so many: with a mode, those from now on.
type Request struct {
	Address, Mode string
	Events        []Tagged
	Count         int
}

// Received is an event, or why it could not be read.
type Received struct {
	Attributes map[string]string `json:"attributes,omitempty"`
	Data       *string           `json:"data"`
	Error      string            `json:"error,omitempty"`
}

// Serve answers each line of the standard input.
func Serve(send func(Request) []*string, receive func(Request) []Received) {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var asked Request
		Must(json.Unmarshal(in.Bytes(), &asked))
		if asked.Events != nil {
			Must(out.Encode(send(asked)))
		} else {
			Must(out.Encode(receive(asked)))
		}
	}
}

// Subscribed announces that messages from now on are read.
func Subscribed() { Must(json.NewEncoder(os.Stdout).Encode("subscribed")) }

// SendAll sends each event with the client, in the mode that is asked for, and answers why not.
func SendAll(client cloudevents.Client, asked Request) []*string {
	ctx := binding.WithForceBinary(context.Background())
	if asked.Mode != "binary" {
		ctx = binding.WithForceStructured(context.Background())
	}
	answers := []*string{}
	for _, event := range asked.Events {
		event, err := Build(event)
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

// Decode does what the SDK's receiver does with a message.
func Decode(message binding.Message) (answer Received) {
	event, err := binding.ToEvent(context.Background(), message)
	if err == nil {
		err = event.Validate()
	}
	if err != nil {
		return Received{Error: err.Error()}
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
		if err != nil {
			return Received{Error: err.Error()}
		}
		answer.Attributes[name] = text
	}
	if data := event.Data(); data != nil {
		text := base64.StdEncoding.EncodeToString(data)
		answer.Data = &text
	}
	return answer
}

// Build makes an event of the SDK with what it has for each type.
func Build(from Tagged) (cloudevents.Event, error) {
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

func extension(attribute Typed) (any, error) {
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

// Must ends the program when there is an error.
func Must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
