package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// renewing is a tenant whose plugin says which assigns a channel has: "old" from join,
// "new" from upgrade. Its versions are modules of their own.
func renewing(t *testing.T) (*town, *tenant.Tenant) {
	t.Helper()
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	acme := w.tenant(t, "acme")
	deployed(t, acme, "it", module(t, "served/renews", 1))
	routed(t, acme, registry.Route{Pattern: "*", Plugin: "it"})
	return w, acme
}

func upload(t testing.TB, tn *tenant.Tenant, bin []byte) int {
	t.Helper()
	v, err := tn.Upload(t.Context(), tenant.Upload{Plugin: "it", Module: bin})
	if err != nil {
		t.Fatal(err)
	}
	return v.Seq
}

func deploy(t testing.TB, tn *tenant.Tenant, d tenant.Deploy) tenant.Deployment {
	t.Helper()
	done, err := tn.Deploy(t.Context(), "it", d)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

const ask = `["1","2","a:1","assigns",{}]`

// handlers tells which handlers the tenant's topics have.
func handlers(tn *tenant.Tenant) (list []string) {
	for _, topic := range tn.Topics() {
		list = append(list, fmt.Sprintf("%s %s %d", topic.Topic, topic.Handler, topic.Channels))
	}
	return list
}

func TestStrategies(t *testing.T) {
	for _, tt := range []struct {
		strategy tenant.Strategy
		want     tenant.Deployment
		handlers string
		frames   []string // that the client is sent by the deploy and the question
	}{
		{tenant.Immediate, tenant.Deployment{Moved: 1}, "a:1 it@2 1", []string{ok("2", `"new"`)}},
		{tenant.NewJoins, tenant.Deployment{}, "a:1 it@1 1", []string{ok("2", `"old"`)}},
		{tenant.Drained, tenant.Deployment{Ended: 1}, "", []string{
			`["1","1","a:1","phx_error",{"reason":"unavailable"}]`,
			`[null,"2","a:1","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`,
		}},
	} {
		t.Run(string(tt.strategy), func(t *testing.T) {
			_, acme := renewing(t)
			c := connect(t, acme)
			expect(t, c.answers(t, joinA), ok("1", `{}`))
			seq := upload(t, acme, module(t, "served/renews", 2))
			d := deploy(t, acme, tenant.Deploy{Version: seq, Strategy: tt.strategy})
			if d.Version != "it@2" || d.Previous != "it@1" || d.Moved != tt.want.Moved || d.Ended != tt.want.Ended || d.Stayed != 0 || d.Moving {
				t.Errorf("deployed %+v", d)
			}
			if got := strings.Join(handlers(acme), ", "); got != tt.handlers {
				t.Errorf("joined are %s, want %s", got, tt.handlers)
			}
			expect(t, c.answers(t, ask), tt.frames...)
			other := connect(t, acme)
			other.answers(t, joinA)
			if got := handlers(acme); !slices.Contains(got, "a:1 it@2 1") && !slices.Contains(got, "a:1 it@2 2") {
				t.Errorf("a new join came to none of %v", got)
			}
			// The next one takes all of them, those that new-joins left behind too.
			third := upload(t, acme, module(t, "served/renews", 3))
			deploy(t, acme, tenant.Deploy{Version: third})
			for _, h := range handlers(acme) {
				if !strings.HasPrefix(h, "a:1 it@3") {
					t.Errorf("after the third version there is %s", h)
				}
			}
		})
	}
}

// A roll back gives a channel what it had before the deploy, where nothing has changed
// it since; the version is not loaded again.
func TestRollbackRestoresAssigns(t *testing.T) {
	_, acme := renewing(t)
	c := connect(t, acme)
	c.answers(t, joinA)
	deploy(t, acme, tenant.Deploy{Version: upload(t, acme, module(t, "served/renews", 2))})
	late := connect(t, acme)
	late.answers(t, joinA)
	expect(t, c.answers(t, ask), ok("2", `"new"`))
	expect(t, late.answers(t, ask), ok("2", `"old"`))
	d, err := acme.Rollback(t.Context(), "it", tenant.Request{By: "ann"})
	if err != nil || d.Version != "it@1" || d.Previous != "it@2" || d.Moved != 2 {
		t.Fatalf("rolled back %+v, %v", d, err)
	}
	expect(t, c.answers(t, ask), ok("2", `"old"`))
	// Who joined the newer version has nothing to be restored: upgrade is asked.
	expect(t, late.answers(t, ask), ok("2", `"new"`))
	record := acme.Record()
	if p := record.Plugin("it"); p.Active != 1 || p.Deploys[len(p.Deploys)-1].Strategy != registry.StrategyRollback || p.Deploys[len(p.Deploys)-1].By != "ann" {
		t.Errorf("the record is %+v", p)
	}
	if _, err := acme.Rollback(t.Context(), "it", tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("back from the first version: %v", err)
	}
}

// Where upgrade fails on the way back, the channel gets phx_error: nobody stays on the
// version that was rolled back.
func TestRollbackWhereUpgradeFails(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	acme := w.tenant(t, "acme")
	routes := []registry.Route{{Pattern: "*", Plugin: "it"}}
	deployed(t, acme, "it", module(t, "served/stays", 1)) // its upgrade fails
	routed(t, acme, routes...)
	deploy(t, acme, tenant.Deploy{Version: upload(t, acme, module(t, "served/renews", 2))})
	c := connect(t, acme)
	expect(t, c.answers(t, joinA), ok("1", `{}`))
	d, err := acme.Rollback(t.Context(), "it", tenant.Request{})
	if err != nil || d.Ended != 1 || d.Moved != 0 || d.Stayed != 0 {
		t.Errorf("rolled back %+v, %v", d, err)
	}
	expect(t, c.answers(t), `["1","1","a:1","phx_error",{"reason":"channel_crash"}]`)
	if got := handlers(acme); len(got) != 0 {
		t.Errorf("joined are %v", got)
	}
	// Forward it stays where it is.
	deploy(t, acme, tenant.Deploy{Version: 2})
	c.answers(t, joinA)
	if d := deploy(t, acme, tenant.Deploy{Version: 1}); d.Stayed != 1 {
		t.Errorf("deployed %+v", d)
	}
}

// A canary has its part of the topics, more of them when the part grows and none
// less, joined channels too; in the end all of them or none.
func TestCanary(t *testing.T) {
	_, acme := renewing(t)
	const topics = 200
	c := connect(t, acme)
	for i := range topics / 2 { // as many as a socket may join
		c.answers(t, fmt.Sprintf(`["1","1","t:%d","phx_join",{}]`, i))
	}
	second := connect(t, acme)
	for i := topics / 2; i < topics; i++ {
		second.answers(t, fmt.Sprintf(`["1","1","t:%d","phx_join",{}]`, i))
	}
	on := func(version string) map[string]int {
		channels := make(map[string]int)
		for _, topic := range acme.Topics() {
			if topic.Handler == version {
				channels[topic.Topic] = topic.Channels
			}
		}
		return channels
	}
	seq := upload(t, acme, module(t, "served/renews", 2))
	before := map[string]int{}
	for _, percent := range []int{1, 10, 50, 99} {
		d := deploy(t, acme, tenant.Deploy{Version: seq, Strategy: tenant.Canary, Percent: percent})
		now := on("it@2")
		moved := 0
		for topic, channels := range now {
			moved += channels - before[topic]
		}
		if d.Moved != moved {
			t.Errorf("%d %%: %d moved, and %d are new", percent, d.Moved, moved)
		}
		if n := len(now); n < topics*percent/100-topics/8 || n > topics*percent/100+topics/8 {
			t.Errorf("%d %% are %d of %d topics", percent, n, topics)
		}
		for topic := range before {
			if now[topic] == 0 {
				t.Errorf("%d %%: %s has left the canary", percent, topic)
			}
		}
		// New joins go where the others of their topic are.
		third := connect(t, acme)
		for i := range 20 {
			third.answers(t, fmt.Sprintf(`["1","1","t:%d","phx_join",{}]`, i))
		}
		if before = on("it@2"); len(before) != len(now) {
			t.Errorf("%d %%: new joins have made %d topics of %d", percent, len(before), len(now))
		}
	}
	if _, err := acme.Deploy(t.Context(), "it", tenant.Deploy{Version: seq, Strategy: tenant.Canary, Percent: 5}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("a canary that shrinks: %v", err)
	}
	if d, err := acme.Rollback(t.Context(), "it", tenant.Request{}); err != nil || d.Version != "it@1" || d.Previous != "it@2" {
		t.Fatalf("rolled back %+v, %v", d, err)
	}
	if n := len(on("it@1")); n != topics || len(on("it@2")) != 0 {
		t.Errorf("after the roll back %d topics are on the old version", n)
	}
	deploy(t, acme, tenant.Deploy{Version: seq, Strategy: tenant.Canary, Percent: 30})
	deploy(t, acme, tenant.Deploy{Version: seq})
	if n := len(on("it@2")); n != topics || len(on("it@1")) != 0 {
		t.Errorf("after the deploy %d topics are on the new version", n)
	}
}

func TestDeployChecks(t *testing.T) {
	_, acme := renewing(t)
	revision := acme.Record().Revision
	upload(t, acme, module(t, "served/renews", 2))
	for name, tt := range map[string]struct {
		deploy tenant.Deploy
		want   error
	}{
		"another revision":     {tenant.Deploy{Request: tenant.Request{IfRevision: revision}}, tenant.ErrConflict},
		"a strategy":           {tenant.Deploy{Strategy: "sometimes"}, tenant.ErrInvalid},
		"percent":              {tenant.Deploy{Percent: 5}, tenant.ErrInvalid},
		"a canary of all":      {tenant.Deploy{Strategy: tenant.Canary, Percent: 100}, tenant.ErrInvalid},
		"a canary of itself":   {tenant.Deploy{Strategy: tenant.Canary, Percent: 5, Version: 1}, tenant.ErrInvalid},
		"what there is not":    {tenant.Deploy{Version: 9}, tenant.ErrUnknown},
		"a dry run of nothing": {tenant.Deploy{Version: 9, Request: tenant.Request{DryRun: true}}, tenant.ErrUnknown},
	} {
		if _, err := acme.Deploy(t.Context(), "it", tt.deploy); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	before := acme.Record()
	d := deploy(t, acme, tenant.Deploy{Request: tenant.Request{DryRun: true, IfRevision: before.Revision}})
	if after := acme.Record(); d.Version != "it@2" || !d.DryRun || after.Revision != before.Revision || after.Plugin("it").Active != 1 {
		t.Errorf("a dry run has done %+v, and the record is %+v", d, after)
	}
}

// Of deploys that race, one is the last: what is stored is what is served, and the
// history is a line.
func TestRacingDeploys(t *testing.T) {
	store := registry.NewMemory(registry.Config{})
	w := newTown(t, store, t.TempDir())
	acme := w.tenant(t, "acme")
	routes := []registry.Route{{Pattern: "*", Plugin: "it"}}
	deployed(t, acme, "it", module(t, "served/renews", 1))
	routed(t, acme, routes...)
	c := connect(t, acme)
	c.answers(t, joinA)
	for n := 2; n <= 4; n++ {
		upload(t, acme, module(t, "served/renews", n))
	}
	var racing sync.WaitGroup
	for i := range 40 {
		racing.Go(func() {
			var err error
			switch {
			case i%5 == 4:
				_, err = acme.Rollback(t.Context(), "it", tenant.Request{})
			case i%5 == 3:
				_, err = acme.Deploy(t.Context(), "it", tenant.Deploy{Version: 1 + i%4, Strategy: tenant.NewJoins})
			default:
				_, err = acme.Deploy(t.Context(), "it", tenant.Deploy{Version: 1 + i%4})
			}
			if err != nil && !errors.Is(err, tenant.ErrInvalid) {
				t.Error(err)
			}
		})
	}
	racing.Wait()
	stored, err := store.Tenant(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	p := stored.Plugin("it")
	for i, d := range p.Deploys[1:] {
		if d.Previous != p.Deploys[i].Seq {
			t.Errorf("the history is no line: %+v", p.Deploys)
		}
	}
	if last := p.Deploys[len(p.Deploys)-1].Seq; last != p.Active {
		t.Errorf("the last deploy was of %d, and %d is active", last, p.Active)
	}
	fresh := connect(t, acme)
	fresh.answers(t, `["1","1","b","phx_join",{}]`)
	if got, want := handlers(acme), fmt.Sprintf("b it@%d 1", p.Active); !slices.Contains(got, want) {
		t.Errorf("joined are %v, want %s", got, want)
	}
	deploy(t, acme, tenant.Deploy{Version: 2}) // and all follow
	for _, h := range handlers(acme) {
		if !strings.Contains(h, "it@2") {
			t.Errorf("in the end there is %s", h)
		}
	}
}

// What a context ends is the wait for the channels, and not the deploy.
func TestDeployThatNobodyWaitsFor(t *testing.T) {
	_, acme := renewing(t)
	seq := upload(t, acme, module(t, "served/renews", 2))
	deploy(t, acme, tenant.Deploy{Version: seq})
	deploy(t, acme, tenant.Deploy{Version: 1}) // both are loaded
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := acme.Deploy(ended, "it", tenant.Deploy{Version: seq}); err == nil {
		if r := acme.Record(); r.Plugin("it").Active != seq {
			t.Error("a deploy that was no error did not happen")
		}
	} else if r := acme.Record(); r.Plugin("it").Active != 1 {
		t.Error("a deploy that was an error happened")
	}
}
