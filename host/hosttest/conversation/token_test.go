package conversation_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/hosttest/conversation"
	"github.com/chhost/chhost/host/phx"
)

const secret = "a-secret-that-is-long-enough-for-it"

// tokens are four lines that let a file have tokens.
const tokens = "now 2015-03-24T09:21:40Z\nsecret " + secret + "\nclaims iss=us aud=chat sub=cleo exp=1s\nclaims sub=ada exp=60s\n"

// knowing serves a channel that pushes what it knows of its client, to clients that bring
// tokens of the file.
func knowing(t *testing.T, f *conversation.File) conversation.Target {
	t.Helper()
	store, err := f.Registry()
	if err != nil {
		t.Fatal(err)
	}
	clock := f.Clock()
	s := hosttest.Start(t, host.Config{Now: clock.Now, AfterFunc: clock.AfterFunc, Registry: store, Routes: []host.Route{{Pattern: "room", Handler: channel.Funcs{
		JoinFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			known, err := phx.JSON(ev.SocketAssigns)
			return channel.Result{Do: []channel.Effect{channel.Push("known", known)}}, err
		},
	}.Handler()}}})
	return conversation.Target{URL: s.Socket, Clock: clock, Busy: s.Busy}
}

// A server of a file with a secret lets in who brings a token of the file's; the lines
// that say who comes and who does not notice what is otherwise.
func TestTokens(t *testing.T) {
	const said = `a< ["1",null,"room","known",{"iss":"us","aud":"chat","sub":"ada","exp":1427188960}]` + "\n"
	const bob = `a< ["1",null,"room","known",{"iss":"us","aud":"chat","sub":"bob","nbf":1427188890,"exp":1427189020}]` + "\n"
	const join, reply = `a> ["1","1","room","phx_join",{}]` + "\n", `a< ["1","1","room","phx_reply",{"status":"ok","response":{}}]` + "\n"
	for _, tc := range []struct{ name, text, want string }{
		{"the file's claims", "a connect token=%{token}\n" + join + reply + said, ""},
		{"others", "a connect token=%{token sub=bob  exp=2m nbf=-10s }\n" + join + reply + bob, ""},
		{"not those", "a connect token=%{token sub=bob}\n" + join + reply + said, "line 9: a should have received"},
		{"refused", "a refused token_missing\na refused token_missing name=%{token}\na refused token_expired token=%{token exp=-5m}\na connect token=%{token}\n" + join + reply + said, ""},
		{"forged", "a refused token_bad_signature token=%{forged sub=ada}", ""},
		{"let in after all", "a refused token_expired token=%{token}", "line 6: a should have been refused with token_expired, and was let in"},
		{"for another reason", "a refused token_expired token=%{token aud=}", "line 6: a should have been refused with token_expired, but: a could not connect: "},
		{"not let in", "a connect token=%{forged}", "line 6: a could not connect: "},
		{"not let in, without a line", join, "line 6: a could not connect: "},
		{"twice", "a connect token=%{token}\na connect token=%{token}", "line 7: a is connected already"},
		{"refused when connected", "a connect token=%{token}\na refused token_expired token=%{token}", "line 7: a is connected already"},
		{"again", "a connect token=%{token}\na close\na connect token=%{token}", ""},
		{"in a frame", "a connect token=%{token}\n" + `a> [null,"1","phoenix","access_token",{"token":"%{token exp=2m}"}]` + "\n" + `a< [null,"1","phoenix","phx_reply",{"status":"ok","response":{"expires":1427189020}}]`, ""},
		{"in a raw frame", "a connect token=%{token}\n" + `v1> {"topic":"phoenix","event":"access_token","ref":1,"payload":{"token":"%{token}"}}` + "\n" + `v2> [null,1,"phoenix","access_token",{"token":"%{token}"}]` + "\n" +
			`a< [null,1,"phoenix","phx_reply",{"status":"ok","response":{"expires":1427188960}}]`, ""},
		{"of one version", "v1 a connect token=%{token}\nv2 a connect token=%{token sub=bob}\nv1 b refused token_missing\nv2 b refused token_missing", ""},
	} {
		for _, version := range conversation.Versions() {
			for _, longPoll := range []bool{false, true} {
				f := parse(t, tokens+"== it\n"+tc.text)
				target := knowing(t, f)
				target.LongPoll = longPoll
				err := f.Dialogues[0].Run(t.Context(), target, version)
				if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s, %s, polling %v: err = %v, want one that says %q", tc.name, version, longPoll, err, tc.want)
				}
			}
		}
	}
}

// Without a secret everybody is let in, with whatever params.
func TestNoSecret(t *testing.T) {
	f := parse(t, "== it\na connect token=x name=ada\n"+`a> ["1","1","room","phx_join",{}]
		a< ["1","1","room","phx_reply",{"status":"ok","response":{}}]
		a< ["1",null,"room","known",{}]`)
	if store, err := f.Registry(); store != nil || err != nil {
		t.Fatalf("%v, %v: a registry that nobody needs", store, err)
	}
	if err := f.Dialogues[0].Run(t.Context(), knowing(t, f), "v2"); err != nil {
		t.Error(err)
	}
}

// Params reach who decides about connections.
func TestParams(t *testing.T) {
	var told []byte
	h := channel.Funcs{
		ConnectFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			told = ev.Payload.Data()
			return channel.Result{}, nil
		},
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
	}.Handler()
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "room", Handler: h}}, ConnectHandler: h})
	f := parse(t, "== it\na connect name=ada user[age]=7 note=a%20b=c empty=\n")
	if err := f.Dialogues[0].Run(t.Context(), conversation.Target{URL: s.Socket}, "v2"); err != nil {
		t.Fatal(err)
	}
	var params struct{ Params map[string]any }
	want := map[string]any{"name": "ada", "user": map[string]any{"age": "7"}, "note": "a%20b=c", "empty": "", "vsn": "2.0.0"}
	if err := json.Unmarshal(told, &params); err != nil || !reflect.DeepEqual(params.Params, want) {
		t.Errorf("the connector was told %s: %v", told, err)
	}
}

// What is wrong with the words about tokens is said with its line.
func TestParseTokens(t *testing.T) {
	for text, want := range map[string]string{
		"secret short":        "line 1: the secret does not do",
		"secret":              "line 1: expected serve",
		"claims sub":          "line 1: \"sub\" is no claim such as sub=ada",
		"claims =ada":         "line 1: \"=ada\" is no claim",
		"== it\nv2> %{token}": "line 2: a token is signed with a secret: before the first dialogue",
		"secret " + secret + "\n== it\nv2> %{token}": "line 3: a token says when it expires: before the first dialogue",
		tokens + "== it\nv2> %{token exp=soon}":      "line 6: exp=soon is not a duration",
		tokens + "== it\nv2> %{token ada}":           "line 6: \"ada\" is no claim",
		tokens + "== it\nv2> %{tokens}":              "line 6: %{ begins a repetition, %{TEXT*N}, or a token, %{token NAME=VALUE}",
		"== it\na connect name":                      "line 2: expected a> FRAME",
		"== it\na connect =ada":                      "line 2: expected a> FRAME",
		"== it\na refused":                           "line 2: expected a> FRAME",
		"== it\na refused token=x":                   "line 2: expected a> FRAME",
		"== it\na@2 connect":                         "line 2: there is no node 2",
	} {
		if _, err := conversation.Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err = %v, want one that says %q", text, err, want)
		}
	}
}
