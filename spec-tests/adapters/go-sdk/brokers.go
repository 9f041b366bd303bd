package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
	"github.com/IBM/sarama"
	ceamqp "github.com/cloudevents/sdk-go/protocol/amqp/v2"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	"github.com/cloudevents/sdk-go/protocol/mqtt_paho/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/eclipse/paho.golang/paho"
)

// Messages of brokers as their clients hand them over.
var received = map[string]func(json.RawMessage) (binding.Message, error){
	"kafka": fromKafka, "amqp": fromAmqp, "mqtt5": fromMqtt,
}

// Messages of brokers as their clients take them.
var written = map[string]func(context.Context, binding.Message) (object, error){
	"kafka": toKafka, "amqp": toAmqp, "mqtt5": toMqtt,
}

type bytesText = map[string]string

func fromKafka(from json.RawMessage) (binding.Message, error) {
	var given struct {
		Key, Value *bytesText
		Headers    [][2]json.RawMessage
	}
	must(json.Unmarshal(from, &given))
	// As NewMessageFromConsumerMessage gathers them, without the extensions that it makes of the record's place.
	headers := map[string][]byte{}
	for _, field := range given.Headers {
		var name string
		var value *bytesText
		must(json.Unmarshal(field[0], &name))
		must(json.Unmarshal(field[1], &value))
		headers[strings.ToLower(name)] = optional(value)
	}
	return kafka_sarama.NewMessage(optional(given.Value), string(headers["content-type"]), headers), nil
}

func toKafka(ctx context.Context, message binding.Message) (object, error) {
	var record sarama.ProducerMessage
	if err := kafka_sarama.WriteProducerMessage(ctx, message, &record); err != nil {
		return nil, err
	}
	headers := [][2]any{}
	for _, header := range record.Headers {
		headers = append(headers, [2]any{string(header.Key), bytesOf(header.Value)})
	}
	encoded := func(from sarama.Encoder) any {
		if from == nil {
			return nil
		}
		octets, err := from.Encode()
		must(err)
		return bytesOf(octets)
	}
	return object{"key": encoded(record.Key), "headers": headers, "value": encoded(record.Value)}, nil
}

type amqpValue struct {
	Type  string
	Value any
}

func fromAmqp(from json.RawMessage) (binding.Message, error) {
	var given struct {
		Properties map[string]any
		Named      [][2]json.RawMessage `json:"application-properties"`
		Body       *struct {
			Data     *[]bytesText
			Value    *amqpValue
			Sequence json.RawMessage
		}
	}
	must(json.Unmarshal(from, &given))
	message := amqp.Message{Properties: &amqp.MessageProperties{}, ApplicationProperties: map[string]any{}}
	for name, value := range given.Properties {
		text, isText := value.(string)
		symbol := amqp.AMQPSymbol(text)
		switch {
		case name == "content-type" && isText:
			message.Properties.ContentType = &symbol
		case name == "content-encoding" && isText:
			message.Properties.ContentEncoding = &symbol
		default:
			return nil, ungiven{"message", "the adapter gives no property " + name}
		}
	}
	for _, field := range given.Named {
		var name string
		var value amqpValue
		must(json.Unmarshal(field[0], &name))
		must(json.Unmarshal(field[1], &value))
		native, err := value.native()
		if err != nil {
			return nil, err
		}
		message.ApplicationProperties[name] = native
	}
	if given.Body != nil {
		switch {
		case given.Body.Data != nil:
			for _, section := range *given.Body.Data {
				message.Data = append(message.Data, octets(section))
			}
		case given.Body.Value != nil:
			native, err := given.Body.Value.native()
			if err != nil {
				return nil, err
			}
			message.Value = native
		default:
			return nil, ungiven{"message", "the client has no amqp-sequence"}
		}
	}
	return ceamqp.NewMessage(&message, nil), nil
}

func (v amqpValue) native() (any, error) {
	text, _ := v.Value.(string)
	number, _ := v.Value.(float64)
	switch v.Type {
	case "string", "boolean", "null", "double":
		return v.Value, nil
	case "long":
		return int64(number), nil
	case "int":
		return int32(number), nil
	case "short":
		return int16(number), nil
	case "byte":
		return int8(number), nil
	case "ulong":
		return uint64(number), nil
	case "uint":
		return uint32(number), nil
	case "ushort":
		return uint16(number), nil
	case "ubyte":
		return uint8(number), nil
	case "float":
		return float32(number), nil
	case "binary":
		return base64.StdEncoding.DecodeString(text)
	case "timestamp":
		return time.UnixMilli(int64(number)).UTC(), nil
	}
	return nil, ungiven{"message", "the client has no " + v.Type}
}

func toAmqp(ctx context.Context, message binding.Message) (object, error) {
	var to amqp.Message
	if err := ceamqp.WriteMessage(ctx, message, &to); err != nil {
		return nil, err
	}
	properties, named, sections := object{}, [][2]any{}, []object{}
	if to.Properties != nil && to.Properties.ContentType != nil && *to.Properties.ContentType != "" {
		properties["content-type"] = string(*to.Properties.ContentType)
	}
	for name, value := range to.ApplicationProperties {
		named = append(named, [2]any{name, amqpOf(value)})
	}
	for _, section := range to.Data {
		sections = append(sections, bytesOf(section))
	}
	shown := object{"properties": properties, "application-properties": named, "body": object{"data": sections}}
	if len(sections) == 0 {
		shown["body"] = nil
	}
	return shown, nil
}

func amqpOf(value any) object {
	switch value := value.(type) {
	case string:
		return typed("string", value)
	case bool:
		return typed("boolean", value)
	case int64:
		return typed("long", value)
	case int32:
		return typed("int", value)
	case []byte:
		return typed("binary", base64.StdEncoding.EncodeToString(value))
	case time.Time:
		return typed("timestamp", value.UnixMilli())
	}
	return typed(fmt.Sprintf("%T", value), fmt.Sprint(value))
}

func fromMqtt(from json.RawMessage) (binding.Message, error) {
	var given struct {
		Topic          string
		ContentType    string      `json:"content-type"`
		UserProperties [][2]string `json:"user-properties"`
		Payload        bytesText
	}
	must(json.Unmarshal(from, &given))
	publish := paho.Publish{Topic: given.Topic, Payload: octets(given.Payload), Properties: &paho.PublishProperties{ContentType: given.ContentType}}
	for _, property := range given.UserProperties {
		publish.Properties.User.Add(property[0], property[1])
	}
	return mqtt_paho.NewMessage(&publish), nil
}

func toMqtt(ctx context.Context, message binding.Message) (object, error) {
	var publish paho.Publish
	if err := mqtt_paho.WritePubMessage(ctx, message, &publish); err != nil {
		return nil, err
	}
	properties := [][2]string{}
	shown := object{"payload": bytesOf(publish.Payload)}
	if publish.Properties != nil {
		for _, property := range publish.Properties.User {
			properties = append(properties, [2]string{property.Key, property.Value})
		}
		if publish.Properties.ContentType != "" {
			shown["content-type"] = publish.Properties.ContentType
		}
	}
	shown["user-properties"] = properties
	return shown, nil
}

func optional(from *bytesText) []byte {
	if from == nil {
		return nil
	}
	return octets(*from)
}
