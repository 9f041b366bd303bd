// The official Go SDK with paho, sending and receiving over MQTT 5: `peer URL`. See the README for the lines it reads and writes.
package main

import (
	"context"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/cloudevents/sdk-go/protocol/mqtt_paho/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/eclipse/paho.golang/paho"

	"crosslang"
)

const patience = 30 * time.Second

func main() { crosslang.Serve(send, receive) }

func connect() net.Conn {
	broker, err := url.Parse(os.Args[1])
	crosslang.Must(err)
	connection, err := net.Dial("tcp", broker.Host)
	crosslang.Must(err)
	return connection
}

func send(asked crosslang.Request) []*string {
	publish := mqtt_paho.WithPublish(&paho.Publish{Topic: asked.Address, QoS: 1})
	protocol, err := mqtt_paho.New(context.Background(), &paho.ClientConfig{Conn: connect()}, publish)
	crosslang.Must(err)
	client, err := cloudevents.NewClient(protocol)
	crosslang.Must(err)
	return crosslang.SendAll(client, asked)
}

// The SDK does not report that it has subscribed. So messages are received with its parts: its Message, over a subscription of paho.
func receive(asked crosslang.Request) []crosslang.Received {
	arrived := make(chan *paho.Publish, asked.Count)
	client := paho.NewClient(paho.ClientConfig{Conn: connect()})
	client.AddOnPublishReceived(func(message paho.PublishReceived) (bool, error) {
		arrived <- message.Packet
		return true, nil
	})
	_, err := client.Connect(context.Background(), &paho.Connect{KeepAlive: 30, CleanStart: true})
	crosslang.Must(err)
	subscription := paho.SubscribeOptions{Topic: asked.Address, QoS: 1}
	_, err = client.Subscribe(context.Background(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{subscription}})
	crosslang.Must(err)
	crosslang.Subscribed()
	answers := []crosslang.Received{}
	end := time.After(patience)
	for len(answers) < asked.Count {
		select {
		case message := <-arrived:
			answers = append(answers, crosslang.Decode(mqtt_paho.NewMessage(message)))
		case <-end:
			return answers
		}
	}
	return answers
}
