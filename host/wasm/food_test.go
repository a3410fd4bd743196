package wasm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm"
)

// The same channel from two languages, one with and one without an SDK: what
// the host sees of plugins/food and of testdata/plugins/food-c is the same.

// foods are the two plugins.
type foods struct{ golang, c *wasm.Plugin }

func newFoods(t testing.TB) foods {
	t.Helper()
	inC := hosttest.GuestC(t, "testdata/plugins/food-c") // skips first
	return foods{golang: plugin(t, hosttest.Guest(t, "plugins/food")), c: plugin(t, inC)}
}

func plugin(t testing.TB, module []byte) *wasm.Plugin {
	t.Helper()
	return hosttest.Plugin(t, "food", module)
}

// callback is one of a handler's, such as channel.Handler.Join.
type callback = func(channel.Handler, context.Context, *channel.Event) (channel.Result, error)

// call runs the callback in both and returns their common result.
func (f foods) call(t *testing.T, cb callback, ev channel.Event) channel.Result {
	t.Helper()
	ev.Topic, ev.SocketAssigns, ev.Channel = "foods:all", []byte("{}"), 4711
	return f.callAt(t, cb, ev)
}

func (f foods) callAt(t *testing.T, cb callback, ev channel.Event) channel.Result {
	t.Helper()
	golang, errGo := cb(f.golang, t.Context(), &ev)
	c, errC := cb(f.c, t.Context(), &ev)
	if g, c := show(golang), show(c); errGo != nil || errC != nil || g != c {
		t.Fatalf("for %s %.1000q with %.1000q\nGo: %.1000s, %v\n C: %.1000s, %v", ev.Event, ev.Payload.Data(), ev.Assigns, g, errGo, c, errC)
	}
	return c
}

// show writes all that a result of food can have, with every byte of it.
func show(r channel.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "status %d", r.Status)
	for _, e := range r.Do {
		fmt.Fprintf(&b, ", %s %q %q binary %v assigns %q", e.Kind(), e.Event(), e.Payload().Data(), e.Payload().IsBinary(), e.Assigns())
	}
	if r.Reply.Status != "" {
		fmt.Fprintf(&b, ", reply %s %q binary %v", r.Reply.Status, r.Reply.Payload.Data(), r.Reply.Payload.IsBinary())
	}
	return b.String()
}

// check puts one payload and one list through every callback. What has to come
// of it is said a third time, by encoding/json.
func (f foods) check(t *testing.T, payload, list []byte, event string, now int64) {
	t.Helper()
	ev := channel.Event{Event: event, Now: time.UnixMilli(now), WantsReply: true, Ref: 1}
	var err error
	if ev.Payload, err = phx.Object(payload); err != nil {
		ev.Payload = phx.Bytes(payload)
	}
	f.call(t, channel.Handler.HandleIn, ev)
	f.call(t, channel.Handler.HandleOut, ev)
	f.call(t, channel.Handler.Leave, ev)

	f.join(t, ev)
	joining := ev
	assigns := append(append([]byte(`{"ignore":`), list...), '}')
	if joining.Payload, err = phx.Object(assigns); err == nil {
		if kept := f.join(t, joining); kept != nil && !bytes.Equal(kept, []byte(`{"ignore":`+string(bytes.Trim(list, " \t\r\n"))+`}`)) {
			t.Fatalf("the list %q was kept as %q", list, kept)
		}
		ev.Assigns = assigns // of another version, if this one would have refused them
		f.userJoined(t, ev)
	}
	if len(payload) <= 16<<10 { // as the host keeps them
		ev.Assigns = payload
		f.userJoined(t, ev)
	}
	f.newMessage(t, ev)
}

// members reads an object as encoding/json does; bytes have none.
func members(t *testing.T, p phx.Payload) map[string]json.RawMessage {
	t.Helper()
	m := map[string]json.RawMessage{}
	if !p.IsBinary() {
		if err := json.Unmarshal(p.Data(), &m); err != nil {
			t.Fatalf("%.1000q: %v", p.Data(), err)
		}
	}
	return m
}

// str reads a string as encoding/json does.
func str(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// ids reads a list of ids, and whether there is nothing else in it.
func ids(raw json.RawMessage) (list []string, all bool) {
	var elements []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &elements) != nil {
		return nil, false
	}
	all = true
	for _, e := range elements {
		id, ok := str(e)
		if all = all && ok; ok {
			list = append(list, id)
		}
	}
	return list, all
}

// join returns what was assigned.
func (f foods) join(t *testing.T, ev channel.Event) []byte {
	t.Helper()
	ev.Event = ""
	res := f.call(t, channel.Handler.Join, ev)
	list, given := members(t, ev.Payload)["ignore"]
	_, good := ids(list)
	if good = good && len(list) <= 4096; good || !given {
		if res.Status != channel.StatusOK || len(res.Do) != len(list[:min(1, len(list))]) {
			t.Fatalf("joining with %.1000q: %.1000s", ev.Payload.Data(), show(res))
		}
	} else if res.Status != channel.StatusError {
		t.Fatalf("joining with %.1000q: %.1000s", ev.Payload.Data(), show(res))
	}
	if len(res.Do) == 0 {
		return nil
	}
	return res.Do[0].Assigns()
}

// userJoined checks who hears of a user. Assigns that are no JSON are as good as
// none.
func (f foods) userJoined(t *testing.T, ev channel.Event) {
	t.Helper()
	ev.Event = "user:joined"
	res := f.call(t, channel.Handler.HandleOut, ev)
	kept, err := phx.Object(ev.Assigns)
	if err != nil {
		kept = phx.Payload{}
	}
	ignored, _ := ids(members(t, kept)["ignore"])
	user, ok := str(members(t, ev.Payload)["user_id"])
	heard := ev.Payload.Len() <= 16<<10
	for _, id := range ignored {
		heard = heard && (!ok || id != user)
	}
	want := channel.Result{}
	if heard {
		want.Do = []channel.Effect{channel.Push("user:joined", ev.Payload)}
	}
	if show(res) != show(want) {
		t.Fatalf("%.1000q joined, and assigns are %.1000q: %.1000s", ev.Payload.Data(), ev.Assigns, show(res))
	}
}

// newMessage checks that the prediction is added and nothing else changed.
func (f foods) newMessage(t *testing.T, ev channel.Event) {
	t.Helper()
	ev.Event = "new:message"
	res := f.call(t, channel.Handler.HandleOut, ev)
	if ev.Payload.Len() > 16<<10 {
		if res.Status != channel.StatusPass || len(res.Do) != 0 {
			t.Fatalf("a message of %d bytes: %.1000s", ev.Payload.Len(), show(res))
		}
		return
	}
	if len(res.Do) != 1 {
		t.Fatalf("%.1000q became %.1000s", ev.Payload.Data(), show(res))
	}
	want, got := members(t, ev.Payload), members(t, res.Do[0].Payload())
	said, ok := str(got["magic_8_ball_sez"])
	if !ok || !strings.HasSuffix(said, ".") {
		t.Fatalf("%.1000q became %.1000s", ev.Payload.Data(), show(res))
	}
	delete(want, "magic_8_ball_sez")
	delete(got, "magic_8_ball_sez")
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%.1000q became %.1000s", ev.Payload.Data(), show(res))
	}
}

// nasty are payloads, each of which a reader of JSON could read wrong. They
// serve as lists too.
func nasty() []string {
	return []string{
		`{}`, " {\t}\r\n", `[]`, ` [ ] `, `null`, `7`, `"7"`, `-1.5e+3`, `true`,
		`{"say":"Will it work?"}`,
		"\n{ \"say\" : \"hm?\" ,\t\"n\" : 1.50 , \"deep\":{ \"a\" : [ null , true ] } }\r",
		`{"magic_8_ball_sez":"mine"}`,
		`{"magic_8_ball_sez":"mine","say":"hm?","magic_8_ball_sez":{"magic_8_ball_sez":[]}}`,
		`{"magic\u005f8_ball_sez":1,"\u006Dagic_8_ball_sez" : 2,"magic_8_ball_sez ":3,"magic_8_ball_se":4,"\\u006dagic_8_ball_sez":5}`,
		`{"a":1,"a":2,"":3,"":[],"\u0000":4}`,
		`{"user_id":"7"}`, `{"user_id":"\u0037"}`, `{"user\u005Fid":"7"}`, `{"user_id":7}`, `{"user_id":""}`, `{"user_id":null}`,
		`{"user_id":"8","user_id":"7"}`, `{"user_id":"7","user_id":["7"]}`, `{"deep":{"user_id":"7"}}`, `{"x":"{\"user_id\":\"7\"}"}`,
		`{"user_id":"a\"b"}`, `{"user_id":"a\\"}`, `{"user_id":"\b\f\n\r\t\/\\\""}`, `{"user_id":"\u0008\u000C\u000a\u000d\u0009/\u005c\u0022"}`,
		`{"user_id":"é🌶"}`, `{"user_id":"\u00e9\ud83c\udf36"}`, `{"user_id":"\ud83c"}`, `{"user_id":"\udf36\ud83c"}`, `{"user_id":"\ud83c\ud83c\udf36"}`,
		`{"user_id":"\ud83cx"}`, `{"user_id":"\ud83c\n"}`, `{"user_id":"\ud83c\u0041"}`, `{"user_id":"\ud83c\ue000"}`, `{"user_id":"\udf36\udf36"}`, `{"user_id":171}`, `{"user_id":[7]}`, `{"user_id":"` + "\uFFFD" + `"}`, `{"user_id":"\uFFFD\ufffd"}`,
		`{"user_id":"\u0000"}`, `{"user_id":"7\u0000"}`, `{"user_id":"` + "\u007f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff" + `"}`, `{"user_id":"\u007f\u0080\u07ff\u0800\uffff\ud800\udc00\udbff\udfff"}`,
		`["7"]`, `["7","8"]`, `[ "\u0037" , "a\"b" , "" ]`, `["7",8]`, `[7]`, `[[]]`, `[["7"]]`, `[{"ignore":["7"]}]`, `{"7":true}`, `[""]`, `[null,"7"]`,
		`["é🌶"]`, `["\ufffdA","\ufffd\ue000","\ufffd\ufffd"]`, `["\ud83c\udf36","\ud83c","\udf36","\b\f\n\r\t\/\\\"","` + "\uFFFD\uFFFD" + `"]`, `["]","[","{","}",",","\"]"]`,
		`["` + "\u007f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff" + `","\u0000"]`,
		`{"ignore":["7"],"ignore":["8"]}`, `{"ignore":["8"],"\u0069gnore":[7]}`, `{"ignore":[],"user_id":""}`, `{"ignore":[7],"user_id":""}`, `{"ignore":"7","user_id":"7"}`,
		"", "\x00\xff", `{"ignore":["7"`, `{"user_id`, "\"\\", "{\"a\\",
	}
}

// names are events that the channel tells apart, or nearly.
func names() []string {
	return []string{"new:msg", "new:message", "new:", "new:burrito", "new:messages", "new:ms", "new", "ne", "user:joined", "user:joine", "user:joined ", "cooked", "é🌶"}
}

// TestFood holds the two against each other, and both against encoding/json.
func TestFood(t *testing.T) {
	f := newFoods(t)
	g, c := *f.golang.Traits(), *f.c.Traits()
	if g.Digest == c.Digest {
		t.Errorf("two modules have the digest %s", g.Digest)
	}
	g.Digest, c.Digest = "", ""
	if !reflect.DeepEqual(g, c) {
		t.Errorf("Go has %+v\nC has %+v", g, c)
	}
	for i, payload := range nasty() {
		f.check(t, []byte(payload), []byte(`["7","é🌶",""]`), names()[i%len(names())], int64(i))
		f.check(t, []byte(`{"user_id":"7"}`), []byte(payload), "new:msg", int64(i))
		for _, list := range nasty() {
			user, err := phx.Object([]byte(payload))
			assigns := []byte(`{"ignore":` + list + `}`)
			if err == nil && phx.CheckJSON(assigns) == nil {
				f.userJoined(t, channel.Event{Payload: user, Assigns: assigns, Now: time.UnixMilli(1_767_225_600_123)})
			}
		}
	}
	for _, event := range names() {
		for _, payload := range []phx.Payload{{}, channeltest.Object(` {"a":1}`), phx.Bytes(nil), phx.Bytes([]byte(`{"user_id":"7"}`))} {
			ev := channel.Event{Event: event, Payload: payload, Assigns: []byte(`{"ignore":["7"]}`), Now: time.UnixMilli(1_767_225_600_123)}
			f.call(t, channel.Handler.HandleIn, ev)
			f.call(t, channel.Handler.HandleOut, ev)
		}
	}
	for _, topic := range []string{"foods:all", "foods:forbidden", "foods:", "foods:al", "foods:all:too", "drinks:all"} {
		res := f.callAt(t, channel.Handler.Join, channel.Event{Topic: topic, Payload: channeltest.Object(`{"ignore":["7"]}`)})
		if in := res.Status == channel.StatusOK; in != (topic == "foods:all") || !in && res.Status != channel.StatusIgnore {
			t.Errorf("joining %s: %.1000s", topic, show(res))
		}
	}
	for _, now := range []int64{-1, -20, -21, 0, 19, 20, 1767225600006, 1 << 52} {
		ev := channel.Event{Payload: channeltest.Object(`{"say":"hm?"}`), Now: time.UnixMilli(now)}
		f.newMessage(t, ev)
	}
}

// TestFoodBounds goes to the lengths at which the channel, or the host, changes
// its mind.
func TestFoodBounds(t *testing.T) {
	f := newFoods(t)
	fill := func(head, tail string, n int) []byte {
		return []byte(head + strings.Repeat("7", n-len(head)-len(tail)) + tail)
	}
	for _, n := range []int{4095, 4096, 4097, 16 << 10} {
		f.check(t, fill(`{"user_id":"`, `"}`, n), fill(`["`, `"]`, n), "new:msg", 0)
	}
	for _, n := range []int{16<<10 - 1, 16 << 10, 16<<10 + 1, 320 << 10} {
		f.check(t, fill(`{"say":"`, `"}`, n), []byte(`["7"]`), "new:msg", 0)
		f.check(t, fill(`{"say":"`, `","user_id":"7"}`, n), []byte(`["7"]`), "new:burrito", 0)
		f.check(t, []byte(`{"a":`+strings.Repeat(" ", n-7)+`1}`), []byte(`["7"]`), "new:message", 0)
	}
	many := strings.Repeat(`"":"",`, (16<<10-8)/6)
	f.check(t, []byte(`{`+many+`"":""}`), []byte(`[`+strings.Repeat(`"",`, 1360)+`""]`), "new:message", 7)
	f.check(t, []byte(`{"deep":`+strings.Repeat("[", 127)+strings.Repeat("]", 127)+`}`), []byte(strings.Repeat("[", 126)+strings.Repeat("]", 126)), "new:message", 7)
}
