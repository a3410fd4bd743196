package channel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// deployment is a route that leads to one version after the other.
type deployment struct {
	*channeltest.Node
	current atomic.Pointer[channel.Handler]
	freed   sync.Map // version: how often
}

// version is one that says its name: whatever the event, it replies with
// "NAME: ASSIGNS".
func version(name string, change func(*channel.Funcs)) channel.Handler {
	f := channel.Funcs{
		Name:     name,
		JoinFunc: always(channel.Assign([]byte("by " + name))),
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Reply: okReply(channeltest.JSON(fmt.Sprintf("%q", name+": "+string(ev.Assigns))))}, nil
		},
	}
	if change != nil {
		change(&f)
	}
	return f.Handler()
}

func newDeployment(t *testing.T, first channel.Handler) *deployment {
	d := &deployment{Node: channeltest.NewNode(t, channel.Config{})}
	d.current.Store(&first)
	return d
}

func (d *deployment) route(string) (channel.Handler, bool) { return *d.current.Load(), true }

func (d *deployment) client(t *testing.T, topic string) *channeltest.Client {
	return d.Client(t, topic, nil, channel.Options{Route: d.route})
}

func (d *deployment) joined(t *testing.T, topic string) *channeltest.Client {
	t.Helper()
	c := d.client(t, topic)
	c.Send(t, `["1","1","`+topic+`","phx_join",{}]`)
	c.Expect(t, `["1","1","`+topic+`","phx_reply",{"status":"ok","response":{}}]`)
	return c
}

// deploy replaces the current version.
func (d *deployment) deploy(t *testing.T, next channel.Handler) channel.Moved {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	moved, err := d.replace(ctx, next)
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

func (d *deployment) replace(ctx context.Context, next channel.Handler) (channel.Moved, error) {
	old := *d.current.Swap(&next)
	return d.Env.Replace(ctx, old, next, func() {
		n, _ := d.freed.LoadOrStore(old.Traits().Name, new(atomic.Int32))
		n.(*atomic.Int32).Add(1)
	})
}

func (d *deployment) expectFreed(t *testing.T, names ...string) {
	t.Helper()
	var got []string
	d.freed.Range(func(name, n any) bool {
		got = append(got, name.(string))
		if n := n.(*atomic.Int32).Load(); n != 1 {
			t.Errorf("%s was freed %d times", name, n)
		}
		return true
	})
	if len(got) != len(names) {
		t.Errorf("freed are %q, want %q", got, names)
	}
	for _, name := range names {
		if _, ok := d.freed.Load(name); !ok {
			t.Errorf("freed are %q, want %q", got, names)
		}
	}
}

// says is the reply of a version to event "2" on topic t.
func says(text string) string { return replied(`"2"`, "ok", `"`+text+`"`) }

func TestReplaceKeepsAssigns(t *testing.T) {
	d := newDeployment(t, version("v1", nil))
	a, b := d.joined(t, "t"), d.joined(t, "t")
	if moved := d.deploy(t, version("v2", nil)); moved != (channel.Moved{Channels: 2}) {
		t.Errorf("moved %+v, want 2 channels", moved)
	}
	d.expectFreed(t, "v1")
	for _, c := range []*channeltest.Client{a, b} {
		c.Send(t, in("x"))
		c.Expect(t, says("v2: by v1"))
	}
	a.Send(t, join) // new joins go to the new version
	a.Expect(t, joined, closed)
	a.Send(t, in("x"))
	a.Expect(t, says("v2: by v2"))
}

func TestUpgrade(t *testing.T) {
	d := newDeployment(t, version("v1", nil))
	c := d.joined(t, "t")
	var seen string
	d.deploy(t, version("v2", func(f *channel.Funcs) {
		f.UpgradeFunc = func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			seen = describe(*ev)
			return does(channel.Push("moved", object(`{"n":1}`)), channel.Assign([]byte("new "+string(ev.Assigns))))
		}
	}))
	c.Expect(t, `["1",null,"t","moved",{"n":1}]`)
	c.Send(t, in("x"))
	c.Expect(t, says("v2: new by v1"))
	if !strings.HasPrefix(seen, `1 t "v1" {} assigns "by v1" of the socket`) {
		t.Errorf("Upgrade was told %s", seen)
	}
}

// A channel whose upgrade fails stays where it is, whole, and is asked again by
// the next version.
func TestUpgradeFails(t *testing.T) {
	for name, fails := range map[string]callback{
		"error": func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, errRoom },
		"panic": func(context.Context, *channel.Event) (channel.Result, error) { panic("the room panicked") },
		"refuse": func(context.Context, *channel.Event) (channel.Result, error) {
			return channel.Result{Status: channel.StatusError, Do: []channel.Effect{channel.Assign(nil)}}, nil
		},
		"stop": func(context.Context, *channel.Event) (channel.Result, error) {
			return channel.Result{Status: channel.StatusStop}, nil
		},
		"shout": always(channel.Broadcast("x", phx.Payload{})),
		"timers": func(context.Context, *channel.Event) (channel.Result, error) {
			res := channel.Result{Do: []channel.Effect{channel.Assign(nil)}}
			for i := range channel.MaxTimers + 1 {
				res.Do = append(res.Do, channel.SendAfter(uint32(i), time.Hour, "x", phx.Payload{}))
			}
			return res, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeployment(t, version("v1", nil))
			c := d.joined(t, "t")
			if moved := d.deploy(t, version("v2", func(f *channel.Funcs) { f.UpgradeFunc = fails })); moved != (channel.Moved{Stayed: 1}) {
				t.Errorf("moved %+v, want that one stayed", moved)
			}
			d.expectFreed(t)
			c.Send(t, in("x"))
			c.Expect(t, says("v1: by v1"))
			newcomer := d.joined(t, "t")
			newcomer.Send(t, in("x"))
			newcomer.Expect(t, says("v2: by v2"))
			if moved := d.deploy(t, version("v3", nil)); moved != (channel.Moved{Channels: 2}) {
				t.Errorf("moved %+v, want 2 channels", moved)
			}
			d.expectFreed(t, "v1", "v2")
			c.Send(t, in("x"))
			c.Expect(t, says("v3: by v1"))
		})
	}
}

// Where some channels moved and others stayed, the next version finds each once.
func TestUpgradeOfSome(t *testing.T) {
	d := newDeployment(t, version("v1", nil))
	d.joined(t, "a")
	d.joined(t, "b")
	moved := d.deploy(t, version("v2", func(f *channel.Funcs) {
		f.UpgradeFunc = func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if ev.Topic == "b" {
				return channel.Result{}, errRoom
			}
			return channel.Result{}, nil
		}
	}))
	if moved != (channel.Moved{Channels: 1, Stayed: 1}) {
		t.Errorf("moved %+v, want one of two", moved)
	}
	if moved := d.deploy(t, version("v3", nil)); moved != (channel.Moved{Channels: 2}) {
		t.Errorf("moved %+v, want 2 channels", moved)
	}
	d.expectFreed(t, "v1", "v2")
}

// The old version is freed when the last channel that stayed with it ends, after
// its leave.
func TestOldVersionIsFreedAtItsEnd(t *testing.T) {
	left := make(chan struct{})
	d := newDeployment(t, version("v1", func(f *channel.Funcs) {
		f.LeaveFunc = func(context.Context, *channel.Event) (channel.Result, error) {
			<-left
			return channel.Result{}, nil
		}
	}))
	c := d.joined(t, "t")
	d.deploy(t, version("v2", func(f *channel.Funcs) {
		f.UpgradeFunc = func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, errRoom }
	}))
	c.Send(t, leave)
	c.Expect(t, leftOK, closed)
	d.expectFreed(t)
	close(left)
	d.Settle(t)
	d.expectFreed(t, "v1")
	// Nobody ever joined v2.
	d.deploy(t, version("v3", nil))
	d.expectFreed(t, "v1", "v2")
}

// A join that is under way when its version is replaced is answered, and moves
// behind it.
func TestReplaceDuringAJoin(t *testing.T) {
	entered, resume := make(chan struct{}), make(chan struct{})
	d := newDeployment(t, version("v1", func(f *channel.Funcs) {
		f.JoinFunc = waits(entered, resume, always(channel.Assign([]byte("slow"))))
	}))
	c := d.client(t, "t")
	c.Send(t, join, in("x"))
	await(t, "the join", entered)
	if moved := d.deploy(t, version("v2", nil)); moved != (channel.Moved{}) {
		t.Errorf("moved %+v, want nothing: nobody was joined", moved)
	}
	d.expectFreed(t)
	close(resume)
	c.Expect(t, joined)
	c.Wait(t, "the answer", func(sent []channeltest.Sent) bool { return len(sent) == 2 })
	d.Settle(t)
	d.expectFreed(t, "v1")
	c.Rest()
	c.Send(t, in("x"))
	c.Expect(t, says("v2: slow"))
}

// A join that has looked its version up, and not said so yet when that version is
// replaced and freed, goes to the new one.
func TestReplaceBetweenTheRouteAndTheJoin(t *testing.T) {
	d := newDeployment(t, version("v1", nil))
	replaced := false
	c := d.Client(t, "t", nil, channel.Options{Route: func(topic string) (channel.Handler, bool) {
		h, ok := d.route(topic)
		if !replaced {
			replaced = true
			d.deploy(t, version("v2", nil))
			d.expectFreed(t, "v1")
		}
		return h, ok
	}})
	c.Send(t, join, in("x"))
	c.Expect(t, joined, says("v2: by v2"))
	d.Settle(t)
	d.expectFreed(t, "v1")
}

// A refused join of a replaced version lets it go too.
func TestReplaceDuringARefusedJoin(t *testing.T) {
	entered, resume := make(chan struct{}), make(chan struct{})
	d := newDeployment(t, version("v1", func(f *channel.Funcs) {
		f.JoinFunc = waits(entered, resume, func(context.Context, *channel.Event) (channel.Result, error) { panic("the room panicked") })
	}))
	c := d.client(t, "t")
	c.Send(t, join)
	await(t, "the join", entered)
	d.deploy(t, version("v2", nil))
	d.expectFreed(t)
	close(resume)
	d.Settle(t)
	d.expectFreed(t, "v1")
}

// From the message on at which a channel moves, the new version's intercepts
// hold: also for broadcasts that wait for the old one's HandleOut.
func TestReplaceChangesIntercepts(t *testing.T) {
	entered, resume := make(chan struct{}), make(chan struct{})
	out := func(name string) callback {
		return func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return does(channel.Push(name+" "+ev.Event, phx.Payload{}))
		}
	}
	d := newDeployment(t, version("v1", func(f *channel.Funcs) {
		f.Intercepts, f.HandleOutFunc = []string{"a"}, out("v1")
		f.HandleInFunc = waits(entered, resume, always())
	}))
	c := d.joined(t, "t")
	c.Send(t, in("wait"))
	await(t, "the event", entered)
	d.Broadcast("t", "a", `{}`)
	d.Broadcast("t", "b", `{}`) // delivered at once
	c.Expect(t, `[null,null,"t","b",{}]`)
	moved := make(chan channel.Moved)
	go func() {
		m, _ := d.replace(t.Context(), version("v2", func(f *channel.Funcs) { f.Intercepts, f.HandleOutFunc = []string{"b"}, out("v2") }))
		moved <- m
	}()
	close(resume)
	await(t, "the replacement", moved)
	c.Expect(t, `["1",null,"t","v1 a",{}]`)
	d.Broadcast("t", "a", `{}`)
	d.Broadcast("t", "b", `{}`)
	c.Expect(t, `[null,null,"t","a",{}]`, `["1",null,"t","v2 b",{}]`)

	// Without HandleOut what waits for it when the channel moves is delivered as it
	// is, and so is what comes later.
	d.deploy(t, version("v3", func(f *channel.Funcs) {
		f.UpgradeFunc = func(context.Context, *channel.Event) (channel.Result, error) {
			d.Broadcast("t", "b", `{"waits":1}`)
			return channel.Result{}, nil
		}
	}))
	d.Broadcast("t", "b", `{}`)
	d.Settle(t)
	if rest := c.Rest(); !slices.Contains(rest, `[null,null,"t","b",{"waits":1}]`) || !slices.Contains(rest, `[null,null,"t","b",{}]`) {
		t.Errorf("the client was sent %s", rest)
	}
}

// A channel that is on its way to its end when its version is replaced is not
// waited for.
func TestReplaceOfAChannelThatEnds(t *testing.T) {
	entered, resume := make(chan struct{}), make(chan struct{})
	d := newDeployment(t, version("v1", func(f *channel.Funcs) { f.HandleInFunc = busyWith(entered, resume, always()) }))
	c := d.joined(t, "t")
	c.Send(t, in("wait"))
	await(t, "the event", entered)
	c.Channel.Close(channel.LeaveClosed)
	if moved := d.deploy(t, version("v2", nil)); moved != (channel.Moved{}) {
		t.Errorf("moved %+v, want nothing", moved)
	}
	d.expectFreed(t)
	close(resume)
	d.Settle(t)
	d.expectFreed(t, "v1")
}

// Timers, subscriptions and open refs outlive the version that asked for them.
func TestReplaceKeepsWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeployment(t, version("v1", func(f *channel.Funcs) {
			f.RepliesLater = true
			f.HandleInFunc = always(channel.SendAfter(3, time.Minute, "ring", object(`{"n":3}`)), channel.Subscribe("news"))
		}))
		c := d.joined(t, "t")
		c.Send(t, in("set"))
		synctest.Wait()
		s := newScripted(always(channel.ReplyTo(2, phx.StatusOK, object(`{"from":"v2"}`))))
		s.JoinFunc, s.Name = always(), "v2"
		d.deploy(t, s.Handler())
		d.Broadcast("news", "item", `{}`)
		time.Sleep(time.Minute)
		synctest.Wait()
		s.expect(t, "broadcast 0 news item {}", `timer 3 t ring {"n":3}`)
		c.Send(t, `["1",null,"t","answer",{}]`)
		c.Expect(t, replied(`"2"`, "ok", `{"from":"v2"}`))
	})
}

// When its context ends, Replace returns; what has not moved moves when it comes
// to its turn, or with the next version.
func TestReplaceGivesUp(t *testing.T) {
	entered, resume := make(chan struct{}), make(chan struct{})
	d := newDeployment(t, version("v1", func(f *channel.Funcs) {
		f.HandleInFunc = waits(entered, resume, always())
	}))
	c := d.joined(t, "t")
	c.Send(t, in("wait"))
	await(t, "the event", entered)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if moved, err := d.replace(ctx, version("v2", nil)); !errors.Is(err, context.Canceled) || moved != (channel.Moved{}) {
		t.Errorf("got %+v, %v; want nothing moved, and the context's error", moved, err)
	}
	close(resume)
	d.deploy(t, version("v3", nil))
	c.Send(t, in("x"))
	c.Expect(t, says("v3: by v1"))
	d.Settle(t)
	d.expectFreed(t, "v1", "v2")
}

// Many channels, many versions, steady events: each event is answered once and
// in order, by versions that never go back.
func TestReplaceUnderLoad(t *testing.T) {
	const clients, versions = 20, 20
	next := func(n int) channel.Handler {
		return channel.Funcs{
			Name:     fmt.Sprint("v", n),
			JoinFunc: always(channel.Assign([]byte{0})),
			UpgradeFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
				return does(channel.Assign(append(ev.Assigns, byte(n))))
			},
			HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
				return channel.Result{Reply: okReply(channeltest.JSON(fmt.Sprint(n)))}, nil
			},
		}.Handler()
	}
	d := newDeployment(t, next(0))
	var all []*channeltest.Client
	for range clients {
		all = append(all, d.joined(t, "t"))
	}
	stop := make(chan struct{})
	counts := make([]int, clients)
	var senders sync.WaitGroup
	for i, c := range all {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					counts[i] = n
					return
				default:
				}
				for c.Post(fmt.Sprintf(`["1",%d,"t","x",{}]`, n)) != nil { // overloaded
					time.Sleep(time.Millisecond)
				}
				time.Sleep(100 * time.Microsecond) // so that it is not the mailboxes' length that is tested
			}
		})
	}
	for n := range versions {
		if moved := d.deploy(t, next(n+1)); moved != (channel.Moved{Channels: clients}) {
			t.Errorf("version %d: moved %+v", n+1, moved)
		}
	}
	close(stop)
	senders.Wait()
	d.Settle(t)
	for i, c := range all {
		rest := c.Rest()
		if len(rest) != counts[i] {
			t.Fatalf("client %d sent %d events and got %d answers", i, counts[i], len(rest))
		}
		was := 0
		for n, frame := range rest {
			var by int
			if _, err := fmt.Sscanf(frame, `["1",`+fmt.Sprint(n)+`,"t","phx_reply",{"status":"ok","response":%d}]`, &by); err != nil || by < was {
				t.Fatalf("client %d: answer %d is %s, by a version before %d", i, n, frame, was)
			}
			was = by
		}
	}
	freed := 0
	d.freed.Range(func(any, any) bool { freed++; return true })
	if freed != versions {
		t.Errorf("%d versions were freed, want %d", freed, versions)
	}
}

// A channel that stays on an old version does not keep those that came between:
// nothing is joined with them, and it skips them when it moves.
func TestStayingKeepsOnlyItsOwnVersion(t *testing.T) {
	d := newDeployment(t, version("v1", nil))
	c := d.joined(t, "t")
	stays := func(f *channel.Funcs) {
		f.UpgradeFunc = func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, errRoom }
	}
	d.deploy(t, version("v2", stays))
	d.deploy(t, version("v3", stays))
	d.deploy(t, version("v4", stays))
	d.expectFreed(t, "v2", "v3")
	c.Send(t, in("x"))
	c.Expect(t, says("v1: by v1"))
	d.deploy(t, version("v5", nil))
	d.expectFreed(t, "v1", "v2", "v3", "v4")
	c.Send(t, in("x"))
	c.Expect(t, says("v5: by v1"))
}

// gated is a client that is held up at its first broadcast.
type gated struct {
	*channeltest.Recorder
	reached, resume chan struct{}
}

func (g *gated) Broadcast(b *phx.Broadcast) {
	if b.Event() == "first" {
		close(g.reached)
		<-g.resume
	}
	g.Recorder.Broadcast(b)
}

// Broadcasts of one sender keep their order while the channel moves to a version
// that does not intercept them any more.
func TestReplaceKeepsTheOrderOfBroadcasts(t *testing.T) {
	pass := func(context.Context, *channel.Event) (channel.Result, error) {
		return channel.Result{Status: channel.StatusPass}, nil
	}
	d := newDeployment(t, version("v1", func(f *channel.Funcs) { f.HandleOutFunc = pass }))
	g := &gated{Recorder: new(channeltest.Recorder), reached: make(chan struct{}), resume: make(chan struct{})}
	ch := channel.New(d.Env, g, "t", channel.Options{Route: d.route})
	t.Cleanup(func() { ch.Close(channel.LeaveClosed) })
	if err := ch.Join(phx.Message{JoinRef: `"1"`, Ref: `"1"`, Topic: "t", Event: phx.EventJoin}, 0); err != nil {
		t.Fatal(err)
	}
	g.Expect(t, joined)
	upgrading, upgrade := make(chan struct{}), make(chan struct{})
	moved := make(chan error, 1)
	go func() {
		_, err := d.replace(t.Context(), version("v2", func(f *channel.Funcs) {
			f.UpgradeFunc = func(context.Context, *channel.Event) (channel.Result, error) {
				close(upgrading)
				<-upgrade
				return channel.Result{}, nil
			}
		}))
		moved <- err
	}()
	await(t, "the upgrade", upgrading)
	d.Broadcast("t", "first", `{}`)
	d.Broadcast("t", "second", `{}`)
	close(upgrade)
	await(t, "the first broadcast", g.reached)
	d.Broadcast("t", "third", `{}`)
	close(g.resume)
	if err := await(t, "the deploy", moved); err != nil {
		t.Fatal(err)
	}
	g.Expect(t, `[null,null,"t","first",{}]`, `[null,null,"t","second",{}]`, `[null,null,"t","third",{}]`)
}

// Versions never lead back to each other: a ring would keep whoever looks for the
// newest one busy for ever.
func TestReplaceIsNoRing(t *testing.T) {
	v1 := version("v1", nil)
	d := newDeployment(t, v1)
	d.joined(t, "t") // keeps v1
	v2 := version("v2", func(f *channel.Funcs) {
		f.UpgradeFunc = func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, errRoom }
	})
	d.deploy(t, v2)
	never := func() { t.Error("a handler was freed by a replacement that did not take place") }
	for _, pair := range [][2]channel.Handler{{v2, v1}, {v2, v2}, {v1, version("v3", nil)}} {
		if _, err := d.Env.Replace(t.Context(), pair[0], pair[1], never); !errors.Is(err, channel.ErrReplaced) {
			t.Errorf("%s by %s: %v", pair[0].Traits().Name, pair[1].Traits().Name, err)
		}
	}
	if moved := d.deploy(t, version("v3", nil)); moved != (channel.Moved{Channels: 1}) {
		t.Errorf("moved %+v", moved)
	}
	d.expectFreed(t, "v1", "v2")
}
