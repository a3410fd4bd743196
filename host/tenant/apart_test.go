package tenant_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

// A model of a hundred tenants whose topics have the same names: who is joined where.
// Everything is one guest that broadcasts what it is sent, once for each tenant.
const (
	modelTenants = 100
	modelSockets = 3 // of each
	modelTopics  = 6
)

// modelName and modelTopic are such that different pairs of them become the same text
// when they are joined, whichever comes first, with a hyphen, which names may contain, or
// with nothing between them: see [TestNamesOfTheModelCanBeConfused].
func modelName(i int) string {
	return fmt.Sprintf([...]string{"t%d", "t%d-x", "x-t%d"}[i%3], i/3)
}

func modelTopic(i int) string {
	return [modelTopics]string{"t:0", "x-t:0", "-xt:0", "t:0-x", "t:0x-", "t:1"}[i]
}

type modelSocket struct {
	*socket.Socket
	joined map[int]bool
	due    []string // frames that the model expects
}

type modelTenant struct {
	*tenant.Tenant
	sockets []*modelSocket
	version int
}

// model is the town, and what should be in it.
type model struct {
	t       *testing.T
	town    *town
	random  *rand.Rand
	tenants []*modelTenant
	n       int // operations

	deliveries, strays int
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, town: newTown(t, registry.NewMemory(registry.Config{}), t.TempDir()), random: rand.New(rand.NewPCG(seed, 7))}
	for i := range modelTenants {
		tn := &modelTenant{Tenant: m.town.tenant(t, modelName(i)), version: 1}
		for n := 2; n > 0; n-- { // the first two versions
			upload(t, tn.Tenant, module(t, "served/echo", 3-n))
		}
		routed(t, tn.Tenant, registry.Route{Pattern: "*", Plugin: "it"})
		deploy(t, tn.Tenant, tenant.Deploy{Version: 1})
		for range modelSockets {
			tn.sockets = append(tn.sockets, open(tn))
		}
		m.tenants = append(m.tenants, tn)
	}
	t.Cleanup(func() {
		for _, tn := range m.tenants {
			for _, s := range tn.sockets {
				s.Close(socket.End{}, socket.LeaveClosed)
			}
		}
	})
	return m
}

func open(tn *modelTenant) *modelSocket {
	cfg := tn.Socket()
	cfg.Encoder = &phx.Encoder{Serializer: phx.V2()}
	cfg.Wake = func() {}
	s := &modelSocket{Socket: socket.New(cfg), joined: make(map[int]bool)}
	s.Open()
	return s
}

// send lets a client send a frame.
func (m *model) send(s *modelSocket, format string, args ...any) {
	if err := s.HandleFrame(context.Background(), phx.Frame{Data: fmt.Appendf(nil, format, args...)}); err != nil {
		m.t.Fatal(err)
	}
}

// everybody expects a broadcast of this operation at those who are joined.
func (m *model) everybody(tn *modelTenant, topic int, payload string) {
	for _, s := range tn.sockets {
		if s.joined[topic] {
			s.due = append(s.due, fmt.Sprintf(`[null,null,"%s","e",%s]`, modelTopic(topic), payload))
		}
	}
}

// step does one random operation, and waits for what comes of it.
func (m *model) step() {
	m.n++
	tn := m.tenants[m.random.IntN(len(m.tenants))]
	s, topic := tn.sockets[m.random.IntN(len(tn.sockets))], m.random.IntN(modelTopics)
	payload := fmt.Sprintf(`{"of":%q,"n":%d}`, tn.Name(), m.n)
	switch op := m.random.IntN(1000); {
	case op < 300:
		m.send(s, `["1","%d","%s","phx_join",{}]`, m.n, modelTopic(topic))
		s.due = append(s.due, fmt.Sprintf(`["1","%d","%s","phx_reply",{"status":"ok","response":{}}]`, m.n, modelTopic(topic)))
		if s.joined[topic] {
			s.due = append(s.due, fmt.Sprintf(`["1","1","%s","phx_close",{}]`, modelTopic(topic)))
		}
		s.joined[topic] = true
	case op < 400 && s.joined[topic]:
		m.send(s, `["1","%d","%s","phx_leave",{}]`, m.n, modelTopic(topic))
		s.due = append(s.due, fmt.Sprintf(`["1","%d","%s","phx_reply",{"status":"ok","response":{}}]`, m.n, modelTopic(topic)), fmt.Sprintf(`["1","1","%s","phx_close",{}]`, modelTopic(topic)))
		delete(s.joined, topic)
	case op < 800 && s.joined[topic]:
		m.send(s, `["1","%d","%s","e",%s]`, m.n, modelTopic(topic), payload)
		m.everybody(tn, topic, payload)
		s.due = append(s.due, fmt.Sprintf(`["1","%d","%s","phx_reply",{"status":"ok","response":{}}]`, m.n, modelTopic(topic)))
	case op < 950:
		p, err := phx.Object([]byte(payload))
		if err == nil {
			err = tn.Publish(tenant.Message{Topic: modelTopic(topic), Event: "e", Payload: p})
		}
		if err != nil {
			m.t.Fatal(err)
		}
		m.everybody(tn, topic, payload)
	case op < 980:
		for i := range tn.sockets {
			if tn.sockets[i] == s {
				s.Close(socket.End{}, socket.LeaveClosed)
				tn.sockets[i] = open(tn)
			}
		}
	case op < 990:
		tn.Kick(modelTopic(topic))
		for _, s := range tn.sockets {
			if s.joined[topic] {
				s.due = append(s.due, fmt.Sprintf(`["1","1","%s","phx_close",{}]`, modelTopic(topic)))
				delete(s.joined, topic)
			}
		}
	default:
		tn.version = 3 - tn.version
		deploy(m.t, tn.Tenant, tenant.Deploy{Version: tn.version})
	}
	if err := tn.Wait(context.Background()); err != nil {
		m.t.Fatal(err)
	}
	m.look(tn)
}

// look compares what all sockets were sent with what they should have been: those of
// the tenant at which something happened, and those of all others.
func (m *model) look(at *modelTenant) {
	for _, tn := range m.tenants {
		for i, s := range tn.sockets {
			var got []string
			for {
				batch, _ := s.Next(nil)
				if len(batch) == 0 {
					break
				}
				for _, f := range batch {
					got = append(got, string(f))
				}
			}
			if tn != at {
				m.strays += len(got)
			}
			m.deliveries += len(got)
			if a, b := strings.Join(got, "\n"), strings.Join(s.due, "\n"); a != b {
				m.t.Fatalf("operation %d: socket %d of %s was sent\n%s\nwant\n%s", m.n, i, tn.Name(), a, b)
			}
			s.due = s.due[:0]
		}
	}
}

// apart runs the model for so many operations.
func apart(t *testing.T, operations int) {
	m := newModel(t, 20151126)
	for range operations {
		m.step()
	}
	t.Logf("%d tenants with the same %d topics, %d operations, %d frames delivered, %d of them to another tenant", modelTenants, modelTopics, operations, m.deliveries, m.strays)
	if m.strays != 0 || m.deliveries < operations/2 {
		t.Errorf("%d frames of %d went to another tenant", m.strays, m.deliveries)
	}
}

// TestNamesOfTheModelCanBeConfused guards that the model would notice a key that is a
// joined text in place of a pair: for each way of joining them, some names of the tenants
// that it really has are confused.
func TestNamesOfTheModelCanBeConfused(t *testing.T) {
	m := newModel(t, 1)
	for what, join := range map[string]func(tenant, topic string) string{
		"tenant-topic": func(tenant, topic string) string { return tenant + "-" + topic },
		"tenanttopic":  func(tenant, topic string) string { return tenant + topic },
		"topic-tenant": func(tenant, topic string) string { return topic + "-" + tenant },
		"topictenant":  func(tenant, topic string) string { return topic + tenant },
	} {
		owners, confused := make(map[string]string), 0
		for _, tn := range m.tenants {
			for topic := range modelTopics {
				key := join(tn.Name(), modelTopic(topic))
				if owner, found := owners[key]; found && owner != tn.Name() {
					confused++
				}
				owners[key] = tn.Name()
			}
		}
		if confused < modelTenants/4 {
			t.Errorf("%s: %d pairs are confused: the model would not notice such a key", what, confused)
		}
	}
}

// TestTenantsNeverMeet: what happens at one tenant is seen by its own clients, each
// frame once and in order, and by nobody else.
func TestTenantsNeverMeet(t *testing.T) { apart(t, 20_000) }

// TestProofTenantsNeverMeet is the full form: make proof runs it.
func TestProofTenantsNeverMeet(t *testing.T) {
	if os.Getenv("CHHOST_PROOF") == "" {
		return // its small form above runs always
	}
	apart(t, 1_000_000)
}
