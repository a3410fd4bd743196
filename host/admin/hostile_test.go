package admin_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

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

// A request whose body says its size in two ways ends its connection: what a proxy before
// the API took for the rest of it is not carried out as another request, which the proxy
// would answer somebody else with.
func TestNothingIsSmuggled(t *testing.T) {
	s := laySiege(t)
	field := "Host: localhost\r\nAuthorization: Bearer " + s.token + "\r\n"
	text := "PUT " + acmePath + "/routes HTTP/1.1\r\n" + field + "Content-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"0\r\n\r\n" + "GET /v1/whoami HTTP/1.1\r\n" + field + "\r\n"
	conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(channeltest.Deadline)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp, err := http.ReadResponse(answers, nil); err == nil {
		resp.Body.Close()
		t.Errorf("what followed is answered %s", resp.Status)
	}
}
