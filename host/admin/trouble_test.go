package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chhost/chhost/host/admin"
	"github.com/chhost/chhost/host/registry"
)

// troubled is a store whose changes fail while trouble is set.
type troubled struct {
	registry.Store
	trouble atomic.Pointer[error]
}

func (s *troubled) Update(ctx context.Context, name string, change registry.Change) (registry.Tenant, error) {
	if err := s.trouble.Load(); err != nil {
		return registry.Tenant{}, *err
	}
	return s.Store.Update(ctx, name, change)
}

// While the disk is full or fails, changes are refused with their own word, the version
// that was served is served on, the host's log says what has failed, and tenants are not
// told where the host has its files. When it is over, all goes on.
func TestTroubleOfTheStore(t *testing.T) {
	const where = "/var/lib/chhost/modules/part-1"
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("%w: writing a file: open %s: no space left on device", registry.ErrFull, where), 507, "disk_full"},
		{fmt.Errorf("registry: writing a file: open %s: input/output error", where), 500, "store_failed"},
		{fmt.Errorf("%w: %s", registry.ErrReadOnly, where), 500, "store_failed"},
		{errors.New(where), 500, "store_failed"},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			store := &troubled{Store: registry.NewMemory(registry.Config{})}
			r := newOffline(t, store, nil)
			r.server = httptest.NewServer(r.api)
			t.Cleanup(r.server.Close)
			r.document = readDocument(t, r)
			r.found(t, "acme")
			r.want(t, 201, upload(r.token, "acme", "it", admin.Fixture(t, "served/echo", 2)))
			token := r.mint(t, "acme", `{}`).Token

			store.trouble.Store(&tt.err)
			before, told := r.records(t), r.log.Count("a request to the admin API failed")
			for _, c := range []call{
				upload(token, "acme", "it", admin.Fixture(t, "served/echo", 3)),
				{token: token, method: "POST", path: acmePath + "/plugins/it/deploy", body: `{"version":2}`},
				{token: token, method: "PUT", path: acmePath + "/routes", body: `{"routes":[]}`},
				r.operator("PUT", acmePath, `{}`),
				r.operator("POST", acmePath+"/tokens", `{}`),
			} {
				a := r.want(t, tt.status, c)
				if a.code() != tt.code || strings.Contains(string(a.body), where) != (c.token == r.token) {
					t.Errorf("%s %s is answered %s", c.method, c.path, a)
				}
			}
			if n := r.log.Count("a request to the admin API failed") - told; n != 5 {
				t.Errorf("the log has %d lines of it", n)
			}
			if r.records(t) != before {
				t.Error("something has changed")
			}
			r.checkHistory(t)

			store.trouble.Store(nil)
			r.want(t, 201, upload(token, "acme", "it", admin.Fixture(t, "served/echo", 3)))
			r.want(t, 200, call{token: token, method: "POST", path: acmePath + "/plugins/it/deploy"})
			r.checkHistory(t)
		})
	}
}
