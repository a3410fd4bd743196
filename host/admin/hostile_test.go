package admin_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/admin"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// A deploy token that is taken back while its request is still arriving does nothing
// more, nor does one whose tenant's name is another's by then.
func TestTokenTakenBackMeanwhile(t *testing.T) {
	for name, end := range map[string]func(r *rig, id string){
		"revoked": func(r *rig, id string) {
			r.want(t, http.StatusNoContent, r.operator("DELETE", "/v1/tenants/acme/tokens/"+id, ""))
		},
		"deleted": func(r *rig, _ string) {
			r.want(t, http.StatusNoContent, r.operator("DELETE", "/v1/tenants/acme", ""))
			r.found(t, "acme")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.found(t, "acme")
			token := r.mint(t, "acme", `{}`)
			bin := admin.Fixture(t, "served/echo", 1)
			body, sending := io.Pipe()
			answered := make(chan answer, 1)
			c := upload(token.Token, "acme", "it", nil)
			c.reader = body
			go func() { answered <- r.ask(t, c) }()
			if _, err := sending.Write(bin[:1]); err != nil {
				t.Fatal(err)
			}
			channeltest.Eventually(t, "the body is being read", func() bool { return admin.UploadsUnderWay(r.api) == 1 })
			end(r, token.ID)
			before := r.records(t)
			if _, err := sending.Write(bin[1:]); err != nil {
				t.Fatal(err)
			}
			sending.Close()
			if a := <-answered; a.status != http.StatusUnauthorized || a.code() != "unauthorized" {
				t.Errorf("the upload is answered %s", a)
			}
			if after := r.records(t); after != before {
				t.Errorf("what is stored has become\n%s\nit was\n%s", after, before)
			}
		})
	}
}

// What small values become as they are read is bounded: a million bytes of empty objects
// would be hundreds as memory.
func TestBodiesOfManyValues(t *testing.T) {
	r := newRig(t, nil)
	r.found(t, "acme")
	for _, value := range []string{`{}`, `[]`, `[{}]`} {
		many := strings.TrimSuffix(strings.Repeat(value+",", 60_000), ",")
		for path, body := range map[string]string{"/routes": `{"routes":[%s]}`, "/publish": `{"topic":"a","event":"b","payload":{"x":[%s]}}`} {
			method := map[string]string{"/routes": "PUT", "/publish": "POST"}[path]
			a := r.ask(t, r.operator(method, "/v1/tenants/acme"+path, fmt.Sprintf(body, many)))
			if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "more than 50000") {
				t.Errorf("%s of many %s: %d %.200s", path, value, a.status, a.body)
			}
		}
	}
}

// Of one tenant's tokens so many requests are carried out at once; the others wait, and
// neither the operator nor another tenant waits with them.
func TestRequestsOfOneTenantAreBounded(t *testing.T) {
	r := newRig(t, nil)
	r.found(t, "acme")
	r.found(t, "other")
	token, other := r.mint(t, "acme", `{}`), r.mint(t, "other", `{}`)
	const many = 20
	var asking sync.WaitGroup
	bodies := make([]*io.PipeWriter, many)
	for i := range bodies {
		var body io.Reader
		body, bodies[i] = io.Pipe()
		asking.Go(func() {
			a := r.ask(t, call{token: token.Token, method: "PUT", path: "/v1/tenants/acme/routes", reader: body})
			if a.status != http.StatusOK {
				t.Errorf("a request that has waited: %s", a)
			}
		})
	}
	channeltest.Eventually(t, "all places are taken", func() bool { return admin.RequestsUnderWay(r.api) == 8 })
	r.want(t, http.StatusOK, call{token: other.Token, method: "GET", path: "/v1/tenants/other"})
	r.want(t, http.StatusOK, r.operator("POST", "/v1/tenants/acme/suspend", ""))
	if n := admin.RequestsUnderWay(r.api); n != 8 {
		t.Errorf("%d are carried out", n)
	}
	for _, body := range bodies {
		asking.Go(func() {
			_, _ = io.WriteString(body, `{"routes":[]}`)
			_ = body.Close()
		})
	}
	asking.Wait()
	channeltest.Eventually(t, "all places are free", func() bool { return admin.RequestsUnderWay(r.api) == 0 })
}
