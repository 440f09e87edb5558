// Ended prints each operation that ended.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Operation has the keys that this program needs; encoding/json passes over all others.
type Operation struct {
	Operation  string `json:"operation"`
	Status     string `json:"status"`
	Revision   int    `json:"revision"`
	HostsDone  int    `json:"hosts_done"`
	HostsTotal int    `json:"hosts_total"`
}

func main() {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(variable("BOOTSTRAP", "localhost:9092")),
		kgo.ConsumerGroup(variable("GROUP", "example-ended")),
		kgo.ConsumeTopics(variable("TOPIC", "precache.operations")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), // the default is read uncommitted
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(context.Background())
		fetches.EachError(func(topic string, partition int32, err error) {
			log.Printf("%s/%d: %v", topic, partition, err)
		})
		fetches.EachRecord(show)
	}
}

func show(record *kgo.Record) {
	if record.Value == nil || header(record, "ce_type") != "io.precache.operation.v1" {
		return
	}
	var found Operation
	if err := json.Unmarshal(record.Value, &found); err != nil {
		log.Printf("%s/%d/%d: %v", record.Topic, record.Partition, record.Offset, err)
		return
	}
	switch found.Status {
	case "completed", "completed_with_errors", "abandoned":
		fmt.Printf("%s %s revision %d: %d of %d hosts\n",
			found.Operation, found.Status, found.Revision, found.HostsDone, found.HostsTotal)
	}
}

func header(record *kgo.Record, name string) string {
	for _, each := range record.Headers {
		if each.Key == name {
			return string(each.Value)
		}
	}
	return ""
}

func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
