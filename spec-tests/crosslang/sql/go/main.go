// The CESQL evaluator of the Go SDK: reads expressions with an event, a JSON object a line, and answers each with its value and its times.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/cloudevents/sdk-go/sql/v2/parser"
	"github.com/cloudevents/sdk-go/v2/event"
)

type request struct {
	Expression string
	Event      event.Event
	Rounds     int // how often the expression is parsed, and how often it is evaluated
}

type answer struct {
	Value      string  `json:"value"`
	ParseNs    float64 `json:"parse_ns"`
	EvaluateNs float64 `json:"evaluate_ns"`
}

func main() {
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var asked request
		must(json.Unmarshal(in.Bytes(), &asked))
		expression, err := parser.Parse(asked.Expression)
		must(err)
		begin := time.Now()
		for range asked.Rounds {
			_, err := parser.Parse(asked.Expression)
			must(err)
		}
		parsing := time.Since(begin)
		var value any
		begin = time.Now()
		for range asked.Rounds {
			value, err = expression.Evaluate(asked.Event)
			must(err)
		}
		evaluating := time.Since(begin)
		each := func(all time.Duration) float64 { return float64(all.Nanoseconds()) / float64(asked.Rounds) }
		must(out.Encode(answer{fmt.Sprint(value), each(parsing), each(evaluating)}))
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
