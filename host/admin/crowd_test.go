package admin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/admin"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// crowd makes tenants that each have a deploy token, whose tokens it returns.
func (r *rig) crowd(t *testing.T, tenants int) []string {
	t.Helper()
	tokens := make([]string, tenants)
	for i := range tokens {
		name := fmt.Sprint("t", i)
		r.want(t, http.StatusCreated, r.operator("PUT", "/v1/tenants/"+name, `{}`))
		tokens[i] = r.mint(t, name, `{}`).Token
	}
	return tokens
}

// However many tenants send modules slowly, the operator's upload is taken at once, and
// that of another tenant as soon as one of theirs has ended.
func TestUploadsOfManyTenants(t *testing.T) {
	r := newRig(t, nil)
	r.found(t, "acme")
	acme := r.mint(t, "acme", `{}`)
	tokens := r.crowd(t, 6)
	var asking sync.WaitGroup
	var slow []*io.PipeWriter
	ctx, cancel := context.WithCancel(t.Context())
	defer asking.Wait()
	defer cancel()
	for i, token := range tokens {
		for range 4 {
			body, sending := io.Pipe()
			slow = append(slow, sending)
			c := upload(token, fmt.Sprint("t", i), "it", nil)
			c.reader = body
			asking.Go(func() { _, _ = r.try(ctx, c) })
		}
	}
	channeltest.Eventually(t, "the tenants have all that they may", func() bool { return admin.UploadsUnderWay(r.api) == 14 })
	bin := admin.Fixture(t, "served/echo", 1)
	r.want(t, http.StatusCreated, upload(r.token, "acme", "it", bin))
	r.want(t, http.StatusCreated, upload(r.token, "t0", "it", bin))
	if n := admin.UploadsUnderWay(r.api); n != 14 {
		t.Errorf("the tenants have %d places", n)
	}
	behind := make(chan answer, 1)
	go func() { behind <- r.ask(t, upload(acme.Token, "acme", "it", admin.Fixture(t, "served/echo", 2))) }()
	channeltest.Eventually(t, "all others wait", func() bool { return admin.UploadsWaiting(r.api) == 4*6-14+1 })
	for _, body := range slow {
		_ = body.Close() // those that wait have not begun: some of these had a place
	}
	if a := <-behind; a.status != http.StatusCreated {
		t.Errorf("the upload behind all others is answered %s", a)
	}
}

// However many tenants follow logs, the operator can.
func TestFollowersOfManyTenants(t *testing.T) {
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	follow := func(token, name string) int {
		t.Helper()
		req, err := r.request(ctx, call{token: token, method: "GET", path: "/v1/tenants/" + name + "/plugins/it/logs?follow=1"})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		following.Go(func() {
			_, _ = io.Copy(io.Discard, resp.Body) // until the test ends
			resp.Body.Close()
		})
		return resp.StatusCode
	}
	tokens := r.crowd(t, 20)
	let, refused := 0, 0
	for i, token := range tokens {
		name := fmt.Sprint("t", i)
		r.want(t, http.StatusCreated, upload(r.token, name, "it", admin.Fixture(t, "served/echo", 0)))
		for range 10 {
			switch status := follow(token, name); status {
			case http.StatusOK:
				let++
			case http.StatusServiceUnavailable:
				refused++
			default:
				t.Fatalf("a follower is answered %d", status)
			}
		}
	}
	if let != 180 || refused != 20 {
		t.Errorf("%d of tenants' followers are let in, and %d not", let, refused)
	}
	for i := range 11 {
		if status := follow(r.token, fmt.Sprint("t", i%2)); status != http.StatusOK {
			t.Fatalf("the operator is answered %d", status)
		}
	}
}
