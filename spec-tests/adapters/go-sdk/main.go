// The official Go SDK as a testee: `ce conformance run -- ./adapter`.
//
// It answers with what the SDK does, through the SDK's public API, and decides nothing.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/cloudevents/sdk-go/v2/types"
)

type object = map[string]any

type request struct {
	Cmd, Op, Via, Mode, Format, Strictness string
	Seq                                    json.RawMessage
	Message                                json.RawMessage
	Events                                 []tagged
	Options                                object
}

type tagged struct {
	Specversion string
	Attributes  map[string]struct {
		Type  string
		Value any
	}
	Data map[string]any
}

// The SDK has no such thing, or cannot be given the input.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// ungiven: the API cannot be given this part of the request.
type ungiven struct{ input, reason string }

func (u ungiven) Error() string { return u.reason }

func main() {
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	in.Buffer(nil, 64<<20)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var asked request
		must(json.Unmarshal(in.Bytes(), &asked))
		switch asked.Cmd {
		case "start":
			must(out.Encode(start()))
		case "stop":
			return
		default:
			must(out.Encode(answer(asked)))
		}
	}
}

func start() object {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/cloudevents/sdk-go/v2" {
				version = strings.TrimPrefix(dep.Version, "v")
			}
		}
	}
	return object{"version": 1, "implementation": object{"name": "cloudevents (Go SDK)", "version": version, "language": "Go", "adapter": "1.4"},
		"capabilities": object{"specversions": []string{"1.0", "0.3"}, "spec": []string{"1.0.2"}, "formats": []string{"json", "json-batch"},
			"bindings": []string{"http", "kafka", "amqp", "mqtt5"}, "ops": []string{"decode", "encode"}, "payloads": []string{"json", "text", "binary"},
			"uncovered": []string{"nats", "websockets", "protobuf", "sql"}}}
}

func answer(asked request) object {
	var result object
	var err error
	switch asked.Op {
	case "decode":
		result, err = decode(asked)
	case "encode":
		result, err = encode(asked)
	default:
		err = unsupported("no operation " + asked.Op)
	}
	var none unsupported
	var ungiven ungiven
	switch {
	case errors.As(err, &ungiven):
		return object{"seq": asked.Seq, "unsupported": ungiven.reason, "input": ungiven.input}
	case errors.As(err, &none):
		return object{"seq": asked.Seq, "unsupported": string(none)}
	case err != nil:
		return object{"seq": asked.Seq, "error": object{"kind": fmt.Sprintf("%T", err), "message": err.Error()}}
	}
	return object{"seq": asked.Seq, "result": result}
}

func decode(asked request) (object, error) {
	var given struct {
		Headers [][2]string
		Body    map[string]string
	}
	if strings.HasPrefix(asked.Via, "json") || asked.Via == "http" {
		must(json.Unmarshal(asked.Message, &given))
	}
	body := octets(given.Body)
	var events []event.Event
	mode := "structured"
	switch asked.Via {
	case "json":
		var one event.Event
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, err
		}
		events = []event.Event{one}
	case "json-batch":
		mode = "batched"
		if err := json.Unmarshal(body, &events); err != nil {
			return nil, err
		}
	case "http":
		// As net/http hands headers over: names in their canonical form, values with their octets.
		header := http.Header{}
		for _, field := range given.Headers {
			header.Add(field[0], strings.Trim(octetsOfLatin1(field[1]), " \t"))
		}
		message := cehttp.NewMessage(header, io.NopCloser(bytes.NewReader(body)))
		switch message.ReadEncoding() {
		case binding.EncodingBatch:
			mode = "batched"
			var err error
			if events, err = binding.ToEvents(context.Background(), message, bytes.NewReader(body)); err != nil {
				return nil, err
			}
		default:
			if message.ReadEncoding() == binding.EncodingBinary {
				mode = "binary"
			}
			one, err := binding.ToEvent(context.Background(), message)
			if err != nil {
				return nil, err
			}
			events = []event.Event{*one}
		}
	case "kafka", "amqp", "mqtt5":
		message, err := received[asked.Via](asked.Message)
		if err != nil {
			return nil, err
		}
		if message.ReadEncoding() == binding.EncodingBinary {
			mode = "binary"
		}
		one, err := binding.ToEvent(context.Background(), message)
		if err != nil {
			return nil, err
		}
		events = []event.Event{*one}
	default:
		return nil, unsupported("no " + asked.Via)
	}
	shown := []object{}
	for _, one := range events {
		// The SDK's receiver validates what it hands over.
		if err := one.Validate(); err != nil {
			return nil, err
		}
		shown = append(shown, tag(one, asked.Via))
	}
	result := object{"mode": mode, "events": shown}
	if mode != "binary" {
		result["format"] = "json"
	}
	return result, nil
}

func tag(from event.Event, via string) object {
	attributes := object{"id": typed("String", from.ID()), "source": typed("URI-reference", from.Source()), "type": typed("String", from.Type())}
	schema := map[string]string{"1.0": "URI", "0.3": "URI-reference"}[from.SpecVersion()]
	name := map[string]string{"1.0": "dataschema", "0.3": "schemaurl"}[from.SpecVersion()]
	for name, value := range map[string][2]string{"subject": {"String", from.Subject()}, "datacontenttype": {"String", from.DataContentType()}, name: {schema, from.DataSchema()}} {
		if value[1] != "" {
			attributes[name] = typed(value[0], value[1])
		}
	}
	if !from.Time().IsZero() {
		attributes["time"] = typed("Timestamp", types.FormatTime(from.Time()))
	}
	for name, value := range from.Extensions() {
		switch value := value.(type) {
		case bool:
			attributes[name] = typed("Boolean", value)
		case int32:
			attributes[name] = typed("Integer", value)
		case []byte:
			attributes[name] = typed("Binary", base64.StdEncoding.EncodeToString(value))
		case types.URI:
			attributes[name] = typed("URI", value.String())
		case types.URIRef:
			attributes[name] = typed("URI-reference", value.String())
		case types.Timestamp:
			attributes[name] = typed("Timestamp", value.String())
		case string:
			attributes[name] = typed("String", value)
		default:
			attributes[name] = typed(fmt.Sprintf("%T", value), value)
		}
	}
	shown := object{"specversion": from.SpecVersion(), "attributes": attributes}
	data := from.Data()
	isJSON := from.DataMediaType() == "" && strings.HasPrefix(via, "json") || from.DataMediaType() == event.ApplicationJSON || strings.HasSuffix(from.DataMediaType(), "+json") || from.DataMediaType() == event.TextJSON
	switch {
	case data == nil:
	case !from.DataBase64 && isJSON && json.Valid(data):
		shown["data"] = object{"json": string(data)}
	case !from.DataBase64 && utf8.Valid(data):
		shown["data"] = object{"text": string(data)}
	default:
		shown["data"] = object{"binary": base64.StdEncoding.EncodeToString(data)}
	}
	return shown
}

func encode(asked request) (object, error) {
	if asked.Format != "" && asked.Format != "json" || len(asked.Options) > 0 {
		return nil, unsupported("no such format or option")
	}
	inBinary := asked.Mode != "structured" && asked.Mode != "batched" && !strings.HasPrefix(asked.Via, "json")
	events := []event.Event{}
	for _, from := range asked.Events {
		one, err := build(from, inBinary)
		if err != nil {
			return nil, err
		}
		events = append(events, one)
	}
	if asked.Mode == "batched" || asked.Via == "json-batch" {
		if asked.Via == "http" {
			written, err := cehttp.NewHTTPRequestFromEvents(context.Background(), "http://localhost/", events)
			if err != nil {
				return nil, err
			}
			return message(written)
		}
		body, err := json.Marshal(events)
		return object{"message": object{"body": bytesOf(body)}}, err
	}
	if len(events) != 1 {
		return nil, ungiven{"events", "the API takes one event"}
	}
	switch asked.Via {
	case "json":
		body, err := json.Marshal(events[0])
		return object{"message": object{"body": bytesOf(body)}}, err
	}
	ctx := binding.WithForceBinary(context.Background())
	if asked.Mode == "structured" {
		ctx = binding.WithForceStructured(context.Background())
	}
	if write, ok := written[asked.Via]; ok {
		shown, err := write(ctx, binding.ToMessage(&events[0]))
		return object{"message": shown}, err
	}
	switch asked.Via {
	case "http":
		written, _ := http.NewRequest(http.MethodPost, "http://localhost/", nil)
		if err := cehttp.WriteRequest(ctx, binding.ToMessage(&events[0]), written); err != nil {
			return nil, err
		}
		if err := sendable(written); err != nil {
			return nil, err
		}
		return message(written)
	}
	return nil, unsupported("no " + asked.Via)
}

var errNotSent = errors.New("nothing is sent")

// sendable is whether the client that the SDK hands requests to takes this one: it refuses header values that HTTP does not have, such as line breaks,
// before it connects.
func sendable(request *http.Request) error {
	transport := http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errNotSent }}
	copied := request.Clone(context.Background())
	copied.Body = http.NoBody
	response, err := transport.RoundTrip(copied)
	if err == nil {
		must(response.Body.Close())
	}
	if errors.Is(err, errNotSent) {
		return nil
	}
	return err
}

func message(written *http.Request) (object, error) {
	headers := [][2]string{}
	for name, values := range written.Header {
		for _, value := range values {
			headers = append(headers, [2]string{name, latin1(value)})
		}
	}
	var body []byte
	var err error
	if written.Body != nil {
		body, err = io.ReadAll(written.Body)
	}
	return object{"message": object{"headers": headers, "body": bytesOf(body)}}, err
}

func build(from tagged, inBinary bool) (event.Event, error) {
	made := event.New(from.Specversion)
	contentType := ""
	for name, attribute := range from.Attributes {
		text, _ := attribute.Value.(string)
		switch name {
		case "id":
			made.SetID(text)
		case "source":
			made.SetSource(text)
		case "type":
			made.SetType(text)
		case "subject":
			made.SetSubject(text)
		case "dataschema", "schemaurl":
			made.SetDataSchema(text)
		case "datacontenttype":
			contentType = text
			made.SetDataContentType(text)
		case "time":
			at, err := types.ParseTime(text)
			if err != nil {
				return made, ungiven{name, "the API takes a time.Time"}
			}
			made.SetTime(at)
		default:
			switch attribute.Type {
			case "Integer":
				number, _ := attribute.Value.(float64)
				made.SetExtension(name, int64(number))
			case "Boolean":
				made.SetExtension(name, attribute.Value)
			case "Binary":
				octets, _ := base64.StdEncoding.DecodeString(text)
				made.SetExtension(name, octets)
			case "URI":
				made.SetExtension(name, types.ParseURI(text))
			case "URI-reference":
				made.SetExtension(name, types.ParseURIRef(text))
			case "Timestamp":
				at, err := types.ParseTimestamp(text)
				if err != nil {
					return made, ungiven{name, "the API takes a time.Time"}
				}
				made.SetExtension(name, *at)
			default:
				made.SetExtension(name, text)
			}
		}
	}
	for kind, value := range from.Data {
		text, _ := value.(string)
		var payload any = []byte(text)
		switch kind {
		case "json":
			payload = json.RawMessage(text)
		case "text":
			// Other text is given as its bytes. In a document, they would be written as base64, which text is not.
			if strings.HasPrefix(contentType, event.TextPlain) {
				payload = text
			} else if !inBinary || from.Specversion != event.CloudEventsVersionV1 {
				return made, ungiven{"data", "the API takes plain text only as text"}
			}
		case "binary":
			payload, _ = base64.StdEncoding.DecodeString(text)
		}
		if err := made.SetData(contentType, payload); err != nil {
			return made, err
		}
	}
	// What the SDK's client does before it sends.
	return made, made.Validate()
}

func typed(kind string, value any) object { return object{"type": kind, "value": value} }

func octets(from map[string]string) []byte {
	if text, ok := from["text"]; ok {
		return []byte(text)
	}
	octets, _ := base64.StdEncoding.DecodeString(from["base64"])
	return octets
}

func bytesOf(octets []byte) object {
	if utf8.Valid(octets) && !bytes.ContainsFunc(octets, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == 0x7f }) {
		return object{"text": string(octets)}
	}
	return object{"base64": base64.StdEncoding.EncodeToString(octets)}
}

func latin1(octets string) string {
	var text strings.Builder
	for _, octet := range []byte(octets) {
		text.WriteRune(rune(octet))
	}
	return text.String()
}

func octetsOfLatin1(text string) string {
	octets := []byte{}
	for _, r := range text {
		octets = append(octets, byte(r))
	}
	return string(octets)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
