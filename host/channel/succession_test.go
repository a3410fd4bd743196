package channel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// release is an edition of a native handler: its assigns are "of NAME" after a join, and
// what they were, with its name, after an upgrade.
type release struct {
	channel.Handler
	version string
}

func (r *release) Version() any { return r.version }

func (r *release) Upgrade(_ context.Context, ev *channel.Event) (channel.Result, error) {
	if r.version == "refuses" {
		return channel.Result{Status: channel.StatusError}, nil
	}
	return channel.Result{Do: []channel.Effect{channel.Assign(fmt.Appendf(nil, "%s, then %s", ev.Assigns, r.version))}}, nil
}

// released returns an edition that is not equal to any other. The event "set" changes
// the assigns.
func released(version string) channel.Handler {
	assign := func(text string) func(context.Context, *channel.Event) (channel.Result, error) {
		return func(context.Context, *channel.Event) (channel.Result, error) {
			return channel.Result{Do: []channel.Effect{channel.Assign([]byte(text))}}, nil
		}
	}
	f := channel.Funcs{Name: version, JoinFunc: assign("of " + version), HandleInFunc: assign("set")}
	f.UpgradeFunc = func(context.Context, *channel.Event) (channel.Result, error) { panic("BUG: the edition has its own") }
	return &release{f.Handler(), version}
}

// succeed lets next take over and moves the channels.
func succeed(t *testing.T, node *channeltest.Node, old, next channel.Handler, s channel.Succession) channel.Moved {
	t.Helper()
	move, err := node.Env.Succeed(old, next, s)
	if err != nil {
		t.Fatal(err)
	}
	moved, err := move(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

// member joins a topic and tells what the channel has.
func member(t *testing.T, node *channeltest.Node, topic string, h channel.Handler) (c *channeltest.Client, has func() string) {
	t.Helper()
	c = node.Client(t, topic, h, channel.Options{})
	c.Send(t, fmt.Sprintf(`["1","1",%q,"phx_join",{}]`, topic))
	node.Settle(t)
	return c, func() string {
		seen := make(chan channel.Standing, 1)
		if err := c.Channel.Look(func(s channel.Standing) { seen <- s }); err != nil {
			return err.Error()
		}
		node.Settle(t)
		s := <-seen
		return fmt.Sprintf("%s: %s", s.Handler, s.Assigns)
	}
}

func TestSuccessionBack(t *testing.T) {
	for _, tt := range []struct {
		name    string
		first   string
		between string // a frame between the two moves
		want    string
		moved   channel.Moved
	}{
		{"untouched", "one", "", "one: of one", channel.Moved{Channels: 1}},
		{"changed", "one", `["1","2","t","set",{}]`, "one: set, then one", channel.Moved{Channels: 1}},
		{"changed, and refused", "refuses", `["1","2","t","set",{}]`, ": ", channel.Moved{Failed: 1}},
		{"untouched, and not asked", "refuses", "", "refuses: of refuses", channel.Moved{Channels: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			node := channeltest.NewNode(t, channel.Config{})
			one, two, again := released(tt.first), released("two"), released(tt.first)
			c, has := member(t, node, "t", one)
			c.Handler = two
			succeed(t, node, one, two, channel.Succession{})
			if got, want := has(), fmt.Sprintf("two: of %s, then two", tt.first); got != want {
				t.Fatalf("after the deploy it has %s, want %s", got, want)
			}
			if tt.between != "" {
				c.Send(t, tt.between)
				node.Settle(t)
			}
			c.Handler = again
			if moved := succeed(t, node, two, again, channel.Succession{Back: true}); moved != tt.moved {
				t.Errorf("moved %+v, want %+v", moved, tt.moved)
			}
			if got := has(); got != tt.want && !(tt.moved.Failed == 1 && got == channel.ErrRetired.Error()) {
				t.Errorf("after the way back it has %s, want %s", got, tt.want)
			}
			failed := slices.ContainsFunc(c.Rest(), func(f string) bool { return f == `["1","1","t","phx_error",{"reason":"channel_crash"}]` })
			if failed != (tt.moved.Failed == 1) {
				t.Errorf("the client has phx_error: %v", failed)
			}
		})
	}
}

// Between two editions of one version there is nothing to upgrade.
func TestSuccessionOfTheSameVersion(t *testing.T) {
	node := channeltest.NewNode(t, channel.Config{})
	one, same := released("refuses"), released("refuses")
	c, has := member(t, node, "t", one)
	c.Handler = same
	if moved := succeed(t, node, one, same, channel.Succession{}); moved.Channels != 1 {
		t.Errorf("moved %+v", moved)
	}
	if got := has(); got != "refuses: of refuses" || node.Env.Needed(one) || !node.Env.Needed(same) {
		t.Errorf("it has %s", got)
	}
}

// Some topics are led to another handler, more of them later, and all of them back.
func TestSuccessionOfSomeTopics(t *testing.T) {
	node := channeltest.NewNode(t, channel.Config{})
	main, canary := released("main"), released("canary")
	has := make(map[string]func() string)
	for _, topic := range []string{"a", "b", "c"} {
		_, has[topic] = member(t, node, topic, main)
	}
	upTo := func(last string) channel.Succession {
		return channel.Succession{Leads: func(topic string) bool { return topic <= last }}
	}
	expect := func(want string) {
		t.Helper()
		if got := has["a"]() + " | " + has["b"]() + " | " + has["c"](); got != want {
			t.Errorf("they have %s, want %s", got, want)
		}
	}
	if moved := succeed(t, node, main, canary, upTo("a")); moved.Channels != 1 {
		t.Errorf("moved %+v", moved)
	}
	expect("canary: of main, then canary | main: of main | main: of main")
	if moved := succeed(t, node, main, canary, upTo("b")); moved.Channels != 1 {
		t.Errorf("moved %+v", moved)
	}
	expect("canary: of main, then canary | canary: of main, then canary | main: of main")
	if moved := succeed(t, node, canary, main, channel.Succession{Back: true}); moved.Channels != 2 {
		t.Errorf("moved %+v", moved)
	}
	expect("main: of main | main: of main | main: of main")
	if node.Env.Needed(canary) {
		t.Error("somebody needs the canary still")
	}
	if _, err := node.Env.Succeed(canary, main, channel.Succession{}); err != nil {
		t.Errorf("a handler that nobody knows any more: %v", err)
	}
	if _, err := node.Env.Succeed(main, main, channel.Succession{}); !errors.Is(err, channel.ErrReplaced) {
		t.Errorf("by itself: %v", err)
	}
}

// Who is expelled is told so that it joins again; others stay.
func TestExpel(t *testing.T) {
	node := channeltest.NewNode(t, channel.Config{})
	old, other := released("old"), released("other")
	c, _ := member(t, node, "t", old)
	_, has := member(t, node, "u", other)
	if n, err := node.Env.Expel(t.Context(), old, 0); n != 1 || err != nil {
		t.Errorf("%d expelled, %v", n, err)
	}
	if rest := c.Rest(); rest[len(rest)-1] != `["1","1","t","phx_error",{"reason":"unavailable"}]` {
		t.Errorf("it was sent %v", rest)
	}
	if got := has(); got != "other: of other" {
		t.Errorf("the other one has %s", got)
	}
}

// There may be so many topics; each counts once, and is free again when its last channel
// has left or no join has succeeded.
func TestMaxTopics(t *testing.T) {
	most := 2
	node := channeltest.NewNode(t, channel.Config{MaxTopics: func() int { return most }})
	h := released("it")
	join := func(topic string) (*channeltest.Client, string) {
		c := node.Client(t, topic, h, channel.Options{})
		c.Send(t, fmt.Sprintf(`["1","1",%q,"phx_join",{}]`, topic))
		node.Settle(t)
		rest := c.Rest()
		return c, rest[len(rest)-1]
	}
	tooMany := func(topic string) string {
		return fmt.Sprintf(`["1","1",%q,"phx_reply",{"status":"error","response":{"reason":"too_many_topics"}}]`, topic)
	}
	first, _ := join("a")
	join("b")
	join("a")
	if _, got := join("c"); got != tooMany("c") {
		t.Errorf("a third topic: %s", got)
	}
	first.Send(t, `["1","2","a","phx_leave",{}]`)
	node.Settle(t)
	if _, got := join("c"); got != tooMany("c") {
		t.Errorf("with one channel of a left: %s", got)
	}
	if n := node.Env.TopicCount(); n != 2 {
		t.Errorf("%d topics", n)
	}
	most = 3
	if _, got := join("c"); got == tooMany("c") {
		t.Errorf("with a larger bound: %s", got)
	}
	want := []channel.TopicInfo{{Topic: "a", Handler: "it", Channels: 1}, {Topic: "b", Handler: "it", Channels: 1}, {Topic: "c", Handler: "it", Channels: 1}}
	if got := node.Env.Topics(); !slices.Equal(got, want) {
		t.Errorf("the topics are %+v", got)
	}
}
