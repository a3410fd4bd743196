package tenant

import (
	"encoding/json"
	"fmt"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
)

// eventDisconnect is what nodes tell each other on the tenant's control topic.
// That is in the namespace that belongs to no tenant, so that nothing which a
// channel broadcasts, perhaps for a client, gets there.
const eventDisconnect = "disconnect"

func (t *Tenant) controlTopic() pubsub.Topic { return pubsub.Topic{Name: t.name} }

// Disconnect ends every socket that connect named id, on all nodes, with close
// code 1001: clients reconnect, and it is for connect to refuse them. It returns
// how many there were on this node, those aside that connect was asked about
// before and that are not open yet: they end too, as soon as they are. The error is
// that id is no name, [ErrUnknown] for a tenant that was deleted, or that the other nodes
// could not be told.
func (t *Tenant) Disconnect(id string) (int, error) {
	if err := phx.CheckName(id); err != nil {
		return 0, fmt.Errorf("tenant: the id of a socket: %w", err)
	}
	if err := t.usable(); err != nil {
		return 0, err
	}
	data, err := json.Marshal(disconnect{id})
	if err != nil {
		return 0, err
	}
	payload, err := phx.Object(data)
	if err != nil {
		return 0, err
	}
	found := t.disconnect(id)
	topic := t.controlTopic()
	if err := t.pubsub.BroadcastFrom(topic, (*control)(t), phx.NewBroadcast(topic.Name, eventDisconnect, payload)); err != nil {
		return found, fmt.Errorf("tenant: disconnect on other nodes: %w", err)
	}
	return found, nil
}

type disconnect struct {
	ID string `json:"id"`
}

func (t *Tenant) disconnect(id string) int {
	found := t.sockets.Close(id, socket.End{Code: socket.CloseGoingAway, Reason: "disconnected"}, channel.LeaveKicked)
	if found > 0 {
		t.log.Info("sockets were disconnected", "socket", id, "count", found)
	}
	return found
}

// control is the tenant as a subscriber of its control topic.
type control Tenant

// Deliver implements [pubsub.Subscriber].
func (c *control) Deliver(b *phx.Broadcast, _ pubsub.Subscriber) {
	t := (*Tenant)(c)
	if b.Event() != eventDisconnect || b.Payload().IsBinary() {
		return // of a newer version
	}
	var msg disconnect
	if err := json.Unmarshal(b.Payload().Data(), &msg); err != nil {
		t.log.Warn("another node said something that cannot be read", "event", b.Event(), "err", err)
		return
	}
	if msg.ID != "" {
		t.disconnect(msg.ID)
	}
}
