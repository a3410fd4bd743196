package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Lists that are longer than a page are shown as a whole, and as one list to programs.
func TestListsAreReadPageByPage(t *testing.T) {
	clean(t)
	url, s := fakeHost(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("after") {
		case "":
			_, _ = fmt.Fprint(w, `{"tenants":[{"name":"a"},{"name":"b","else":1.50}],"next":"b"}`)
		case "b":
			_, _ = fmt.Fprint(w, `{"tenants":[],"next":"c d&"}`) // which others have just left
		case "c d&":
			_, _ = fmt.Fprint(w, `{"tenants":[{"name":"e"}]}`)
		}
	})
	t.Setenv("CHHOST_SERVER", url)
	code, out, errs := command(t, "", "tenant", "list")
	if rows := strings.Fields(out); code != exitOK || strings.Join(rows, " ") != "TENANT STATE HOSTS PLUGINS a serves - - b serves - - e serves - -" {
		t.Errorf("exit code %d, %q, %s", code, out, errs)
	}
	code, out, errs = command(t, "", "tenant", "list", "--json")
	var whole map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out), &whole); err != nil || code != exitOK || len(whole) != 1 {
		t.Fatalf("exit code %d, %v, %q, %s", code, err, out, errs)
	}
	if got := strings.Join(strings.Fields(out), ""); got != `{"tenants":[{"name":"a"},{"name":"b","else":1.50},{"name":"e"}]}` {
		t.Errorf("%s", got)
	}
	if want := "GET /v1/tenants?after=c+d%26&limit=1000"; s.requests[2] != want {
		t.Errorf("%q, want %q", s.requests[2], want)
	}
}

// A host whose pages lead in a circle is no reason to go on for ever.
func TestAListThatDoesNotGoOn(t *testing.T) {
	clean(t)
	url, s := fakeHost(t, answers(`{"topics":[],"next":"x"}`))
	t.Setenv("CHHOST_SERVER", url)
	code, _, errs := command(t, "", "tenant", "topics", "acme")
	if code != exitFailed || !strings.Contains(errs, "does not go on") || len(s.requests) != 2 {
		t.Errorf("exit code %d, %s, %d requests", code, errs, len(s.requests))
	}
}
