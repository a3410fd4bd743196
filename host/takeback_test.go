package host_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// crowdable is a host with one tenant, the default one, whose topics are all those of
// the plugin "it", and whose clients say where they come from.
func crowdable(t *testing.T, module []byte) (*hosttest.Server, *tenant.Tenant, *channeltest.Log) {
	t.Helper()
	return crowdableOn(t, module, registry.NewMemory(registry.Config{}))
}

func crowdableOn(t *testing.T, module []byte, store registry.Store) (*hosttest.Server, *tenant.Tenant, *channeltest.Log) {
	t.Helper()
	proxies, err := host.Proxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	log := new(channeltest.Log)
	server := hosttest.Start(t, host.Config{
		Registry: store, TrustedProxies: proxies, Logger: log.Logger(),
	})
	tn := server.Tenants().Default()
	if _, err := tn.Upload(t.Context(), tenant.Upload{Plugin: "it", Module: module}); err != nil {
		t.Fatal(err)
	}
	if _, err := tn.PutRoutes(t.Context(), []registry.Route{{Pattern: "*", Plugin: "it"}}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := tn.Deploy(t.Context(), "it", tenant.Deploy{}); err != nil {
		t.Fatal(err)
	}
	return server, tn, log
}

// boom lets clients of many addresses crash the plugin until it is quarantined.
func boom(t *testing.T, server *hosttest.Server) {
	t.Helper()
	before := server.PluginCounts().Quarantines.Load()
	for i := 0; server.PluginCounts().Quarantines.Load() == before; i++ {
		if i > 100 {
			t.Fatal("100 clients crash the plugin, which is not quarantined")
		}
		w := dial(t, server, at(fmt.Sprintf("198.51.100.%d", i)))
		w.send(`["1","1","rooms:2","phx_join",{}]`)
		w.next()
		w.send(`["1","2","rooms:2","boom",{}]`)
		w.next()
		w.Abort()
	}
}

func release(t *testing.T, tn *tenant.Tenant, module []byte, d tenant.Deploy) tenant.Deployment {
	t.Helper()
	v, err := tn.Upload(t.Context(), tenant.Upload{Plugin: "it", Module: module})
	if err != nil {
		t.Fatal(err)
	}
	d.Version = v.Seq
	done, err := tn.Deploy(t.Context(), "it", d)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func active(tn *tenant.Tenant) int {
	r := tn.Record()
	return r.Plugin("it").Active
}

// TestDeployIsTakenBack: a version that many clients crash within a minute of its
// deploy is rolled back within a second; who has joined is served by the version before
// again, and what happened is in the history, the audit log and the log.
func TestDeployIsTakenBack(t *testing.T) {
	store := registry.NewMemory(registry.Config{})
	server, tn, log := crowdableOn(t, assembled(t, "served/echo"), store)
	member := dial(t, server, at("192.0.2.1"))
	member.join("rooms:1")
	if d := release(t, tn, assembled(t, "served/poison"), tenant.Deploy{}); d.Version != "it@2" || d.Moved != 1 {
		t.Fatalf("deployed %+v", d)
	}
	boom(t, server)
	tripped := time.Now()
	channeltest.Eventually(t, "the deploy is taken back", func() bool { return active(tn) == 1 })
	took := time.Since(tripped)
	channeltest.Eventually(t, "the member is served by the version before", func() bool {
		topics := tn.Topics()
		return len(topics) > 0 && topics[0].Handler == "it@1"
	})
	member.send(`["1","e","rooms:1","echo",{"n":1}]`)
	member.expect(`[null,null,"rooms:1","echo",{"n":1}]`)
	dial(t, server, at("192.0.2.2")).join("rooms:1")
	t.Logf("taken back %v after the quarantine", took.Round(time.Millisecond))
	record := tn.Record()
	history := record.Plugin("it").Deploys
	if last := history[len(history)-1]; last.By != "chhost" || last.Strategy != registry.StrategyRollback || !strings.Contains(last.Reason, "handle_in") {
		t.Errorf("the history ends with %+v", last)
	}
	audited, err := store.Audit(t.Context(), tn.Name(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	// It counts against the tenant's share of the log, whose plugin has brought it about.
	if last := audited[len(audited)-1]; last.Action != "rollback" || last.By != "chhost" || !last.Own {
		t.Errorf("the audit log ends with %+v", last)
	}
	channeltest.Eventually(t, "the log says so", func() bool { return log.Count("a deploy was rolled back") == 1 })
	if log.Count("digest="+registry.DigestOf(assembled(t, "served/poison")).Short()) == 0 {
		t.Error("no line of the log has the module's digest")
	}
}

// TestProofTakenBack: from the deploy of a version that clients crash until those of the
// version before are served by it again, with a store on a disk, it takes a second at
// most: by the median of rounds, as the computer may be shared.
// TestDeployIsTakenBack is its small form.
func TestProofTakenBack(t *testing.T) {
	if os.Getenv("CHHOST_PROOF") == "" {
		return
	}
	const rounds, members, most = 9, 200, time.Second
	store, err := registry.Open(t.TempDir(), registry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	server, tn, _ := crowdableOn(t, assembled(t, "served/echo"), store)
	var wires []*wire
	for n := range members {
		w := dial(t, server, at("192.0.2.1"))
		w.join(fmt.Sprintf("rooms:m%d", n))
		wires = append(wires, w)
	}
	var took []time.Duration
	for round := range rounds {
		release(t, tn, versioned(t, "served/poison", round), tenant.Deploy{})
		deployed := time.Now()
		boom(t, server)
		tripped := time.Now()
		channeltest.Eventually(t, "all members are served by the version before", func() bool {
			topics := tn.Topics()
			return len(topics) >= members && !slices.ContainsFunc(topics, func(topic channel.TopicInfo) bool { return topic.Handler != "it@1" })
		})
		for n, w := range wires {
			topic := fmt.Sprintf("rooms:m%d", n)
			w.send(`["1","e",%q,"echo",{"round":%d}]`, topic, round)
			w.expect(`[null,null,%q,"echo",{"round":%d}]`, topic, round)
			w.expect(`["1","e",%q,"phx_reply",{"status":"ok","response":{}}]`, topic)
		}
		took = append(took, time.Since(deployed))
		fmt.Printf("round %d: %d members answered by the version before %v after the deploy of one that traps, %v after its quarantine\n", round+1, members,
			took[round].Round(time.Millisecond), time.Since(tripped).Round(time.Millisecond))
	}
	slices.Sort(took)
	fmt.Printf("median of %d rounds: %v, longest %v\n", rounds, took[rounds/2].Round(time.Millisecond), took[rounds-1].Round(time.Millisecond))
	if took[rounds/2] > most {
		t.Errorf("a deploy that traps is taken back in %v, at most %v", took[rounds/2], most)
	}
}

// A quarantine is no reason to go back to a version that failed in the same callback.
func TestDeployStandsWhereTheOldVersionFailed(t *testing.T) {
	server, tn, log := crowdable(t, versioned(t, "served/poison", 1))
	w := dial(t, server, at("192.0.2.1"))
	w.join("rooms:1")
	w.send(`["1","2","rooms:1","boom",{}]`)
	w.next()
	release(t, tn, versioned(t, "served/poison", 2), tenant.Deploy{})
	boom(t, server)
	channeltest.Eventually(t, "the log says why", func() bool { return log.Count("a quarantined version stays the active one") == 1 })
	if n := active(tn); n != 2 {
		t.Errorf("version %d is active", n)
	}
}

// A canary that many clients crash is at its end; the others have not noticed.
func TestCanaryIsTakenBack(t *testing.T) {
	server, tn, _ := crowdable(t, assembled(t, "served/echo"))
	release(t, tn, assembled(t, "served/poison"), tenant.Deploy{Strategy: tenant.Canary, Percent: 99}) // rooms:2 is among them
	boom(t, server)
	channeltest.Eventually(t, "the canary has ended", func() bool {
		r := tn.Record()
		return r.Plugin("it").Canary == 0
	})
	w := dial(t, server, at("192.0.2.1"))
	w.join("rooms:2")
	w.send(`["1","2","rooms:2","boom",{}]`)
	w.expect(`[null,null,"rooms:2","boom",{}]`)
	if n := active(tn); n != 1 {
		t.Errorf("version %d is active", n)
	}
}
