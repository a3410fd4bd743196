package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/wasm"
)

// loaded lists the versions of a plugin whose code is compiled.
func loaded(t *testing.T, tn *tenant.Tenant) string {
	t.Helper()
	versions, err := tn.Versions("it")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range versions {
		if v.Loaded {
			names = append(names, v.Name)
		}
	}
	return strings.Join(names, " ")
}

// The code of a version that nobody has used for long is forgotten, and loaded again by
// who comes, also for a channel that is joined; while a plugin is in use, three versions
// stay for a roll back.
func TestCodeThatNobodyUsesIsForgotten(t *testing.T) {
	w, acme := renewing(t)
	for n := 2; n <= 5; n++ {
		deploy(t, acme, tenant.Deploy{Version: upload(t, acme, module(t, "served/renews", n))})
	}
	c := connect(t, acme)
	c.answers(t, joinA)
	if got := loaded(t, acme); got != "it@1 it@2 it@3 it@4 it@5" {
		t.Fatalf("loaded are %s", got)
	}
	for range tenant.RestSweeps + 1 { // the active one is in use
		c.answers(t, ask)
		w.Sweep(t.Context())
	}
	if got := loaded(t, acme); got != "it@3 it@4 it@5" {
		t.Errorf("while the plugin is in use, %s are loaded", got)
	}
	for range 2 * (tenant.RestSweeps + 1) {
		w.Sweep(t.Context())
	}
	if got := loaded(t, acme); got != "" {
		t.Errorf("when nobody uses it any more, %s are loaded", got)
	}
	before := acme.Usage()
	if before.Memory != 0 || before.Versions[len(before.Versions)-1].Calls < tenant.RestSweeps {
		t.Errorf("the usage is %+v", before)
	}
	expect(t, c.answers(t, ask), ok("2", `"old"`))
	expect(t, connect(t, acme).answers(t, joinA), ok("1", `{}`))
	if after := acme.Usage(); after.Fuel <= before.Fuel || loaded(t, acme) != "it@5" {
		t.Errorf("used again it is %+v", after)
	}
}

// A version that is kept no more serves those who are joined with it.
func TestVersionThatIsKeptNoMore(t *testing.T) {
	w, acme := renewing(t)
	set := tenant.SettingsOf(acme.Record())
	set.Limits = map[string]int64{"versions": 1}
	if _, err := acme.Set(t.Context(), set, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	c := connect(t, acme)
	c.answers(t, joinA)
	for n := 2; n <= 6; n++ { // more than a roll back needs
		deploy(t, acme, tenant.Deploy{Version: upload(t, acme, module(t, "served/renews", n)), Strategy: tenant.NewJoins})
	}
	for range tenant.RestSweeps + 1 {
		w.Sweep(t.Context())
	}
	if versions, err := acme.Versions("it"); err != nil || versions[0].Seq == 1 {
		t.Fatalf("kept are %+v, %v", versions, err)
	}
	expect(t, c.answers(t, ask), ok("2", `"old"`))
	if got := handlers(acme); !slices.Equal(got, []string{"a:1 it@1 1"}) {
		t.Errorf("joined are %v", got)
	}
}

// What the plugin reads by config_get, and what it may use, changes with the record, for
// those that are loaded too.
func TestConfigureReachesWhatIsLoaded(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	acme := w.tenant(t, "acme")
	// It logs its greeting when it starts, and cannot start without one.
	upload := tenant.Upload{Plugin: "it", Module: module(t, "served/settings", 0)}
	var bad *wasm.ModuleError
	if _, err := acme.Upload(t.Context(), upload); !errors.As(err, &bad) {
		t.Errorf("without a greeting: %v", err)
	}
	upload.Settings = map[string]string{"greeting": "hello"}
	if _, err := acme.Upload(t.Context(), upload); err != nil {
		t.Fatal(err)
	}
	deploy(t, acme, tenant.Deploy{})
	routed(t, acme, registry.Route{Pattern: "*", Plugin: "it"})
	c := connect(t, acme)
	c.answers(t, joinA)
	if _, err := acme.Configure(t.Context(), "it", nil, tenant.Request{}); !errors.As(err, &bad) {
		t.Errorf("settings with which it cannot start: %v", err)
	}
	// Nobody may be what only the host defines, whether or not a version is served.
	reserved := map[string]string{"chhost.tenant": "other"}
	if _, err := acme.Configure(t.Context(), "it", reserved, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("a setting of the host's: %v", err)
	}
	if _, err := acme.Upload(t.Context(), tenant.Upload{Plugin: "idle", Module: module(t, "served/echo", 0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := acme.Configure(t.Context(), "idle", reserved, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("a setting of the host's, of a plugin that nobody has deployed: %v", err)
	}
	if _, err := acme.Upload(t.Context(), tenant.Upload{Plugin: "new", Module: upload.Module, Settings: reserved}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("an upload with a setting of the host's: %v", err)
	}
	if n := w.log.Count("msg=salute"); n != 0 {
		t.Errorf("%d starts with settings that nobody has made", n)
	}
	if _, err := acme.Configure(t.Context(), "it", map[string]string{"greeting": "salute"}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	trial := w.log.Count("msg=salute")
	c.answers(t, `["1","3","a:1","phx_leave",{}]`, joinA)
	if n := w.log.Count("msg=salute"); n != trial+1 || trial != 1 {
		t.Errorf("%d starts with the settings, %d of them as a trial", n, trial)
	}
	set := tenant.SettingsOf(acme.Record())
	set.Limits = map[string]int64{"payload_bytes": 10}
	if _, err := acme.Set(t.Context(), set, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	expect(t, connect(t, acme).answers(t, `["1","2","a:1","phx_join",{"a":"long payload"}]`), `["1","2","a:1","phx_reply",{"status":"error","response":{"reason":"payload_too_large"}}]`)
}

// Each change is in the audit log, with who asked for it; one that was refused is not.
func TestAudit(t *testing.T) {
	store := registry.NewMemory(registry.Config{})
	w := newTown(t, store, t.TempDir())
	req := tenant.Request{By: "ann"}
	acme, err := w.Create(t.Context(), "acme", tenant.Settings{}, req)
	if err != nil {
		t.Fatal(err)
	}
	upload := func(n int) {
		if _, err := acme.Upload(t.Context(), tenant.Upload{Request: req, Plugin: "it", Module: module(t, "served/echo", n)}); err != nil {
			t.Fatal(err)
		}
	}
	upload(1)
	upload(2)
	for _, d := range []tenant.Deploy{{Version: 1}, {Version: 2, Strategy: tenant.Canary, Percent: 10}, {Version: 2}} {
		d.Request = req
		if _, err := acme.Deploy(t.Context(), "it", d); err != nil {
			t.Fatal(err)
		}
	}
	steps := []func() error{
		func() error { _, err := acme.Rollback(t.Context(), "it", req); return err },
		func() error { _, err := acme.PutRoutes(t.Context(), nil, req); return err },
		func() error { _, err := acme.Pin(t.Context(), "it", 1, true, req); return err },
		func() error { _, err := acme.Suspend(t.Context(), req); return err },
		func() error {
			_, err := acme.Resume(t.Context(), tenant.Request{By: "ann", Operator: true})
			return err
		},
		func() error { return w.Delete(t.Context(), "acme", req) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if _, err := acme.Suspend(t.Context(), req); !errors.Is(err, tenant.ErrUnknown) {
		t.Errorf("a change of a tenant that is gone: %v", err)
	}
	entries, err := store.Audit(t.Context(), "acme", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var actions, details []string
	for _, e := range entries {
		if actions = append(actions, e.Action); e.Action == "deploy" || e.Action == "rollback" {
			details = append(details, e.Detail)
		}
		if e.By != "ann" {
			t.Errorf("%+v is not known to be hers", e)
		}
		if own := e.Action != "create" && e.Action != "delete" && e.Action != "resume"; e.Own != own {
			t.Errorf("%+v: whose it is, is not known", e)
		}
	}
	want := "create upload upload deploy deploy deploy rollback routes pin suspend resume delete"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("the log has %s, want %s", got, want)
	}
	if want := []string{"it@1 immediate", "it@2 canary 10%, after it@1", "it@2 immediate, after it@1", "it@1, after it@2"}; !slices.Equal(details, want) {
		t.Errorf("the log says of deploys %q, want %q", details, want)
	}
	if _, found := w.Tenant("acme"); found {
		t.Error("the tenant is still there")
	}
}

func TestQuotas(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	acme := w.tenant(t, "acme")
	size := int64(len(module(t, "served/echo", 1)))
	set := tenant.Settings{Limits: map[string]int64{"plugins": 1, "stored_bytes": 2*size + 1}}
	if _, err := acme.Set(t.Context(), set, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		upload(t, acme, module(t, "served/echo", n))
	}
	for word, u := range map[string]tenant.Upload{
		"too_many_plugins": {Plugin: "another", Module: module(t, "served/echo", 1)},
		"too_many_bytes":   {Plugin: "it", Module: module(t, "served/echo", 3)},
	} {
		if _, err := acme.Upload(t.Context(), u); !errors.Is(err, tenant.ErrQuota) || !strings.Contains(err.Error(), word) {
			t.Errorf("%v, want %s", err, word)
		}
	}
	for _, limits := range []map[string]int64{{"conections": 1}, {"connections": 0}, {"connections": -1}} {
		if _, err := acme.Set(t.Context(), tenant.Settings{Limits: limits}, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
			t.Errorf("the limits %v: %v", limits, err)
		}
	}
	names := make(map[string]bool)
	for _, l := range tenant.LimitTable() {
		if names[l.Name] || l.Unit == "" || l.Sense == "" {
			t.Errorf("the row of %s is there twice or not whole", l.Name)
		}
		names[l.Name] = true
	}
	all := make(map[string]int64)
	for name := range maps.Keys(names) {
		all[name] = 1 << 40
	}
	if err := tenant.CheckLimits(all); err != nil {
		t.Error(err)
	}
}

func TestCreateChecks(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), "")
	for _, name := range []string{"", "-a", "a-", "A", "a.b", "a/b", "ä", strings.Repeat("a", 64)} {
		if _, err := w.Create(t.Context(), name, tenant.Settings{}, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
			t.Errorf("a tenant called %q: %v", name, err)
		}
	}
	if _, err := w.Create(t.Context(), "a", tenant.Settings{Hosts: []string{"A.example.com"}}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	if tn, err := w.Create(t.Context(), "dry", tenant.Settings{}, tenant.Request{DryRun: true}); err != nil || tn.Name() != "dry" || w.pubsub.Subscribers(pubsub.Topic{Name: "dry"}) != 0 {
		t.Errorf("a dry run: %v", err)
	}
	if _, found := w.Tenant("dry"); found {
		t.Error("a dry run has made a tenant")
	}
	if _, err := w.Create(t.Context(), "a", tenant.Settings{}, tenant.Request{}); !errors.Is(err, registry.ErrExists) {
		t.Errorf("the same again: %v", err)
	}
	for _, hosts := range [][]string{{"a.example.com"}, {"b.example.com:80"}, {"b example"}, {"*.example.com"}} {
		if _, err := w.Create(t.Context(), "b", tenant.Settings{Hosts: hosts}, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
			t.Errorf("hosts %v: %v", hosts, err)
		}
	}
	if _, err := w.Create(t.Context(), "b", tenant.Settings{Connect: "none"}, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("a connector that there is not: %v", err)
	}
	if _, err := w.Default().PutRoutes(t.Context(), []registry.Route{{Pattern: "a*b", Plugin: "x"}}, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("a pattern that is none: %v", err)
	}
	if _, err := w.Default().PutRoutes(t.Context(), []registry.Route{{Pattern: "a", Plugin: "x"}}, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("a plugin that there is not: %v", err)
	}
	if err := w.Delete(t.Context(), tenant.Default, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("the end of the default tenant: %v", err)
	}
	if err := w.Delete(t.Context(), "a", tenant.Request{IfRevision: 9}); !errors.Is(err, tenant.ErrConflict) {
		t.Errorf("the end of another revision: %v", err)
	}
	if err := w.Delete(t.Context(), "a", tenant.Request{}); err != nil {
		t.Error(err)
	}
	if tn, err := w.Resolve(tenant.Names{Host: "a.example.com"}); err != nil || tn.Name() != tenant.Default {
		t.Errorf("the host name of a tenant that is gone leads to %v, %v", tn, err)
	}
}

func TestPublish(t *testing.T) {
	w, acme := renewing(t)
	other := w.tenant(t, "other")
	c := connect(t, acme)
	c.answers(t, joinA)
	object := channeltest.JSON(`{"n":1}`)
	if err := other.Publish(tenant.Message{Topic: "a:1", Event: "e", Payload: object}); err != nil {
		t.Fatal(err)
	}
	expect(t, c.answers(t))
	batch := []tenant.Message{{Topic: "a:1", Event: "e", Payload: object}, {Topic: "a:1", Event: "f", Payload: object}}
	if err := acme.Publish(batch...); err != nil {
		t.Fatal(err)
	}
	expect(t, c.answers(t), `[null,null,"a:1","e",{"n":1}]`, `[null,null,"a:1","f",{"n":1}]`)
	for _, m := range []tenant.Message{{Event: "e", Payload: object}, {Topic: "a", Payload: object}, {Topic: "a", Event: "phx_reply", Payload: object}, {Topic: "a", Event: "e", Payload: channeltest.JSON(`[1]`)}} {
		if err := acme.Publish(append(batch, m)...); !errors.Is(err, tenant.ErrInvalid) || !strings.Contains(err.Error(), "message 2") {
			t.Errorf("%+v: %v", m, err)
		}
	}
	expect(t, c.answers(t))
}

// What is published is bounded by the tenant's rate: all of a batch is sent, or nothing,
// and who asks for too much learns when it would be let through.
func TestPublishRate(t *testing.T) {
	w, acme := renewing(t)
	other := w.tenant(t, "other")
	now := time.Now()
	w.SetClock(t, func() time.Time { return now })
	if _, err := acme.Set(t.Context(), tenant.Settings{Limits: map[string]int64{"publishes_per_second": 10}}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	batch := make([]tenant.Message, 50)
	for i := range batch {
		batch[i] = tenant.Message{Topic: "b:1", Event: "e", Payload: channeltest.JSON(`{}`)}
	}
	if err := acme.Publish(append(batch, batch...)...); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("more than ever passes: %v", err)
	}
	if err := acme.Publish(batch...); err != nil {
		t.Fatal(err)
	}
	var above *tenant.RateError
	if err := acme.Publish(batch[:20]...); !errors.As(err, &above) || above.Wait != 2*time.Second || above.Limit != "publishes_per_second" {
		t.Errorf("above the rate: %v", err)
	}
	if err := other.Publish(batch[:20]...); err != nil {
		t.Errorf("another tenant: %v", err)
	}
	now = now.Add(2 * time.Second)
	if err := acme.Publish(batch[:20]...); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if n := acme.Usage().Published; n != 70 {
		t.Errorf("%d were published", n)
	}
}

// TestLimitsOfPlugins: each limit by name that is a plugin's gets there, and no wait is
// longer than an hour.
func TestLimitsOfPlugins(t *testing.T) {
	_, acme := renewing(t)
	if got := tenant.PluginLimits(acme); got != (wasm.Limits{}) {
		t.Errorf("without any: %+v", got)
	}
	limits := map[string]int64{
		"instance_memory_bytes": 1, "callback_fuel": 2, "join_fuel": 3, "instances": 4, "wait_ms": 5,
		"payload_bytes": 6, "effects": 7, "assigns_bytes": 8, "log_lines_per_second": 9,
	}
	want := wasm.Limits{Memory: 1, Fuel: 2, JoinFuel: 3, Instances: 4, Wait: 5 * time.Millisecond, Payload: 6, Effects: 7, Assigns: 8, LogLines: 9}
	if _, err := acme.Set(t.Context(), tenant.Settings{Limits: limits}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	if got := tenant.PluginLimits(acme); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	limits["wait_ms"] = math.MaxInt64
	if _, err := acme.Set(t.Context(), tenant.Settings{Limits: limits}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	if got := tenant.PluginLimits(acme).Wait; got != time.Hour {
		t.Errorf("of the longest wait there is %v is left, want an hour", got)
	}
}

// Of a tenant that is deleted nothing is left: its clients are closed so that they come
// back, their channels get their leave, and its code is forgotten.
func TestDelete(t *testing.T) {
	w, acme := renewing(t)
	c := connect(t, acme)
	c.Open()
	c.answers(t, joinA)
	if err := w.Delete(t.Context(), "acme", tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	if _, end := c.Next(nil); end == nil || end.Code != socket.CloseTryAgainLater {
		t.Errorf("its client ended with %+v", end)
	}
	w.Idle()
	if got := loaded(t, acme); got != "" || len(acme.Topics()) != 0 || w.pubsub.Subscribers(pubsub.Topic{Name: "acme"}) != 0 {
		t.Errorf("%s are loaded, joined are %v", got, acme.Topics())
	}
	again := w.tenant(t, "acme")
	if r := again.Record(); len(r.Plugins) != 0 || r.Revision != 1 {
		t.Errorf("the next one of that name has %+v", r)
	}
}

// A topic's share is the same on every node and in every version of this program, and
// spreads.
func TestShareIsStable(t *testing.T) {
	for topic, want := range map[string]int{"rooms:1": tenant.Share("acme", "rooms:1")} {
		if got := tenant.Share("acme", topic); got != want {
			t.Errorf("%s has moved from %d to %d", topic, want, got)
		}
	}
	counts := make([]int, 100)
	for i := range 100_000 {
		counts[tenant.Share("acme", fmt.Sprintf("rooms:%d", i))]++
	}
	if least, most := slices.Min(counts), slices.Max(counts); least < 850 || most > 1150 {
		t.Errorf("of 100,000 topics a hundredth has %d to %d", least, most)
	}
}

// What looks after keys once a minute does not pile up where a provider hangs.
func TestOneRefreshAtATime(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	var busy atomic.Bool
	hangs := make(chan struct{})
	if !w.BeginAlone(&busy, func(context.Context) { <-hangs }) {
		t.Fatal("the first did not begin")
	}
	if w.BeginAlone(&busy, func(context.Context) { t.Error("the second one ran") }) {
		t.Error("the second began beside the first")
	}
	close(hangs)
	w.Idle()
	again := false
	if !w.BeginAlone(&busy, func(context.Context) { again = true }) {
		t.Error("none began after the first")
	}
	w.Idle()
	if !again {
		t.Error("it was not carried out")
	}
}

// What a tenant's tokens may change is bounded: a burst of a build's deploys passes, and
// then one a second, or what its limit says. A change of something else does not let more
// through.
func TestChangeRate(t *testing.T) {
	w, acme := renewing(t)
	other := w.tenant(t, "other")
	now := time.Now()
	w.SetClock(t, func() time.Time { return now })
	passes := func(most int) {
		t.Helper()
		for n := range most {
			if err := acme.MayChange(); err != nil {
				t.Fatalf("change %d of %d: %v", n, most, err)
			}
		}
	}
	above := func(wait time.Duration) {
		t.Helper()
		var rated *tenant.RateError
		if err := acme.MayChange(); !errors.As(err, &rated) || rated.Wait != wait || rated.Limit != "changes_per_minute" {
			t.Errorf("above the rate: %v", err)
		}
	}
	passes(120)
	above(time.Second)
	if _, err := acme.PutRoutes(t.Context(), nil, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	above(time.Second)
	if err := other.MayChange(); err != nil {
		t.Errorf("another tenant: %v", err)
	}
	now = now.Add(2 * time.Second)
	passes(2)
	above(time.Second)
	if _, err := acme.Set(t.Context(), tenant.Settings{Limits: map[string]int64{"changes_per_minute": 6}}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	passes(12)
	above(10 * time.Second)
}
