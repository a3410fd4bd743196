package longpoll_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chhost/chhost/host/transport/longpoll"
)

// FuzzToken wants a text to be a token only if it is what its transport writes.
func FuzzToken(f *testing.F) {
	transport := longpoll.New(longpoll.Config{})
	f.Add("")
	f.Add("null")
	f.Add(longpoll.Forge(make([]byte, 36)))
	f.Add(longpoll.Forge(bytes.Repeat([]byte{0xff}, 36)))
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := transport.Verify(text); ok {
			t.Errorf("%q was forged", text)
		}
	})
}

// FuzzQueryToken wants the session's parameter to be taken out of a query, and
// nothing else.
func FuzzQueryToken(f *testing.F) {
	for _, query := range []string{"", "token=null", "vsn=2.0.0&token=mine&token=lp1.x", "token=&a=b", "a&&token=null&b", "token=%zz", "xtoken=null", "token=lp1.a&token=mine"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		text, rest := longpoll.QueryToken(query)
		if rest == query {
			if text != "" {
				t.Errorf("%q has the token %q and is left as it is", query, text)
			}
			return
		}
		if !longpoll.IsToken(text) {
			t.Errorf("%q is no token", text)
		}
		before, _ := url.ParseQuery(query)
		after, _ := url.ParseQuery(rest)
		n := len(before["token"])
		if n == 0 || before["token"][n-1] != text {
			t.Fatalf("the last of %q is not %q", before["token"], text)
		}
		if before["token"] = before["token"][:n-1]; n == 1 {
			delete(before, "token")
		}
		if before.Encode() != after.Encode() {
			t.Errorf("of %q is left %q", query, rest)
		}
	})
}

// FuzzSplitLines holds the lines of a body against a plain reading of them.
func FuzzSplitLines(f *testing.F) {
	for _, body := range []string{"", "\n", "[]\n{}", "[]\r\nAAEC\r\n", "AA==", "AA==AA", "nonsense!", "\r", strings.Repeat("[]\n", 1001)} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		frames, err := longpoll.SplitLines(bytes.Clone(body))
		lines := strings.Split(string(body), "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		if err != nil {
			return
		}
		if len(frames) != len(lines) || len(lines) > 1000 {
			t.Fatalf("%d frames of %d lines", len(frames), len(lines))
		}
		for i, line := range lines {
			line = strings.TrimSuffix(line, "\r")
			text := strings.HasPrefix(line, "[") || strings.HasPrefix(line, "{")
			if frames[i].Binary == text || text && string(frames[i].Data) != line {
				t.Errorf("the line %q is the frame %+v", line, frames[i])
			}
		}
	})
}

// FuzzQuote wants a frame to be a JSON string of itself.
func FuzzQuote(f *testing.F) {
	f.Add([]byte("[\"\\\"\",\n\t\r\x00\x1f\x7f \u2028é]"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if !utf8.Valid(frame) {
			return // no frame is
		}
		var got string
		if err := json.Unmarshal(longpoll.Quote(frame), &got); err != nil || got != string(frame) {
			t.Errorf("%q was written %s: %v", frame, longpoll.Quote(frame), err)
		}
	})
}

// FuzzBody posts bodies of any type: the answer is one of those there are, and the
// session, if there still is one, goes on.
func FuzzBody(f *testing.F) {
	f.Add("application/x-ndjson", []byte(joinFrame+"\n"+echoFrame))
	f.Add("application/x-ndjson; charset=\"", []byte("AAEC\n[\xff]"))
	f.Add("", []byte(`{"topic":"t","event":"phx_join","payload":{},"ref":"1"}`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		bubble(t, longpoll.Config{}, func(s *server) {
			token := s.open()
			r := httptest.NewRequest(http.MethodPost, "http://host/?token="+token, bytes.NewReader(body))
			r.Header["Content-Type"] = []string{kind}
			res := s.do(r)
			switch {
			case res.http == 400 && res.Status == 400, res.http == 200 && (res.Status == 200 || res.Status == 410):
			default:
				t.Errorf("answered %d %s", res.http, res.body)
			}
			if res := s.post(token, heartbeat); res.Status != 200 && res.Status != 410 {
				t.Errorf("then answered %d %s", res.http, res.body)
			}
		})
	})
}
