package main

import (
	"bytes"
	"encoding/json"

	"github.com/twmb/franz-go/pkg/kgo"
)

// order is what is read of an `orders.completed`.
type order struct {
	ID       string `json:"order_id"`
	Customer struct {
		ID string `json:"id"`
	} `json:"customer"`
	Items     []json.RawMessage `json:"items"`
	Total     float64           `json:"total"`
	Location  string            `json:"location"`
	Note      string            `json:"note"`
	CreatedAt string            `json:"created_at"`
	Seq       int64             `json:"seq"`
}

// event is what is posted.
type event struct {
	Type      string  `json:"event_type"`
	Name      string  `json:"event_name"`
	User      string  `json:"user_id"`
	Timestamp string  `json:"timestamp"`
	Context   place   `json:"context"`
	Params    []param `json:"event_params"`
}

type place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

type param struct {
	Key   string `json:"key"`
	Value value  `json:"value"`
}

// value holds one of its members.
type value struct {
	Text  *string  `json:"string_value,omitempty"`
	Real  *float64 `json:"double_value,omitempty"`
	Whole *int64   `json:"int_value,omitempty"`
	Time  *string  `json:"datetime_value,omitempty"`
}

func writeEvent(to *bytes.Buffer, record *kgo.Record) error {
	var read order
	if err := json.Unmarshal(record.Value, &read); err != nil {
		return err
	}
	items := int64(len(read.Items))
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(event{
		Type: "track", Name: "Order Completed", User: read.Customer.ID, Timestamp: read.CreatedAt,
		Context: place{record.Topic, record.Partition, record.Offset},
		Params: []param{
			{"order_id", value{Text: &read.ID}},
			{"total", value{Real: &read.Total}},
			{"item_count", value{Whole: &items}},
			{"seq", value{Whole: &read.Seq}},
			{"location", value{Text: &read.Location}},
			{"note", value{Text: &read.Note}},
			{"created_at", value{Time: &read.CreatedAt}},
		},
	})
}
