package main

import (
	"strings"
	"testing"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/chhosttest"
)

func expect(t *testing.T, o chhosttest.Outcome, lines ...string) {
	t.Helper()
	if got, want := o.String(), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func all() *chhosttest.Channel {
	return &chhosttest.Channel{Plugin: Food{}, Topic: "foods:all"}
}

func TestInit(t *testing.T) {
	expect(t, all().Init(), "intercept user:joined", "intercept new:message")
}

func TestJoin(t *testing.T) {
	expect(t, all().Join(`{}`), "reply ok {}")
	expect(t, all().Join(`{"ignore":[]}`), "reply ok {}", `assign {"ignore":[]}`)
	expect(t, all().Join(`{"ignore": ["7", "\u0038"]}`), "reply ok {}", `assign {"ignore":["7", "\u0038"]}`)
	for _, topic := range []string{"foods:forbidden", "foods:delightful", "foods:", "foods:all:too"} {
		c := chhosttest.Channel{Plugin: Food{}, Topic: topic}
		expect(t, c.Join(`{}`), "ignore")
	}
}

func TestIgnoreListIsBounded(t *testing.T) {
	list := func(bytes int) string { return `["` + strings.Repeat("7", bytes-4) + `"]` }
	if o := all().Join(`{"ignore":` + list(maxIgnored) + `}`); o.Status != chhosttest.OK || len(o.Effects) != 2 {
		t.Errorf("the longest list: %v", o)
	}
	for _, bad := range []string{list(maxIgnored + 1), `"7"`, `7`, `null`, `{"7":true}`, `["7",8]`, `[["7"]]`} {
		expect(t, all().Join(`{"ignore":`+bad+`}`), `reply error {"reason":"ignore has to be a list of ids, at most 4096 bytes"}`)
	}
}

func TestLeave(t *testing.T) {
	expect(t, all().Leave(chhost.Left))
}

func TestHandleIn(t *testing.T) {
	for event, want := range map[string]string{
		"new:msg":     `broadcast new:msg {"say":"Success!"}`,
		"new:burrito": `push new:burrito {"say":"Success!"}`,
		"new:":        `push new: {"say":"Success!"}`,
		"new:message": `broadcast new:message {"say":"Success!"}`,
		"user:joined": `broadcast user:joined {"say":"Success!"}`,
		"old:burrito": `broadcast old:burrito {"say":"Success!"}`,
	} {
		expect(t, all().HandleIn(event, `{"say":"Success!"}`), want)
	}
}

func TestUserJoined(t *testing.T) {
	c := all()
	c.Join(`{"ignore":["7","a\"b"]}`)
	for payload, heard := range map[string]bool{
		`{"user_id":"7"}`:      false,
		`{"user_id":"\u0037"}`: false,
		`{"user_id":"a\"b"}`:   false,
		`{"user_id":"8"}`:      true,
		`{"user_id":"77"}`:     true,
		`{"user_id":7}`:        true, // ids are strings
		`{"user_id":""}`:       true,
		`{}`:                   true,
	} {
		want := ""
		if heard {
			want = "push user:joined " + payload
		}
		expect(t, c.HandleOut("user:joined", payload), want)
	}
	expect(t, all().HandleOut("user:joined", `{"user_id":"7"}`), `push user:joined {"user_id":"7"}`)
}

// What is no string is nobody's id, not even that of the user without a name.
// Join lets no such list in, but a version before this one may have.
func TestOtherVersionsLists(t *testing.T) {
	c := all()
	c.Assigns = `{"ignore":[8,null]}`
	expect(t, c.HandleOut("user:joined", `{"user_id":""}`), `push user:joined {"user_id":""}`)
}

func TestMagicEightBall(t *testing.T) {
	if len(answers) != 20 {
		t.Fatalf("the ball has %d answers, want 20", len(answers))
	}
	for now, want := range map[int64]string{
		0:             "It is certain.",
		1:             "It is decidedly so.",
		19:            "Very doubtful.",
		20:            "It is certain.",
		1767225600006: "Most likely.",
		-1:            "Very doubtful.",
	} {
		c := all()
		c.Now = now
		expect(t, c.HandleOut("new:message", `{"say":"hm?"}`), `push new:message {"say":"hm?","magic_8_ball_sez":"`+want+`"}`)
	}
	expect(t, all().HandleOut("new:message", `{"magic_8_ball_sez":"mine","say":"hm?"}`), `push new:message {"say":"hm?","magic_8_ball_sez":"It is certain."}`)
}

// The longest message that a host lets in still reaches everyone.
func TestLongMessages(t *testing.T) {
	message := func(bytes int) string { return `{"x":"` + strings.Repeat("x", bytes-8) + `"}` }
	expect(t, all().HandleOut("new:message", message(256<<10)), "pass")
	expect(t, all().HandleOut("new:message", message(maxPredicted+1)), "pass")
	if o := all().HandleOut("new:message", message(maxPredicted)); len(o.Effects) != 1 || !strings.Contains(o.Effects[0].Payload, "magic_8_ball_sez") {
		t.Errorf("a message of %d bytes gets no prediction", maxPredicted)
	}
}

func TestOtherBroadcastsPassUnseen(t *testing.T) {
	expect(t, all().HandleOut("new:msg", `{}`), "pass")
}
