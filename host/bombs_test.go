package host_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/wasm"
)

// What becomes of a tenant's clients while others upload modules that are as dear to check
// and to compile as the budgets let through.

// uploader is a tenant who uploads without end, as many modules at once as the admin API
// takes of one.
type uploader struct {
	name   string
	module func() []byte
	// refused: the compiler's limits are what ends it.
	refused bool

	done, wrong atomic.Int64
}

const uploadsAtOnce = 4

func uploaders() []*uploader {
	return []*uploader{
		{name: "slow", module: func() []byte { return padded(300, loopsOfLocals(99, 1000)) }, refused: true},
		{name: "large", module: func() []byte { return padded(15, readsAndWrites(95_000)) }, refused: true},
		{name: "sound", module: func() []byte { return padded(400, readsAndWrites(500)) }},
	}
}

// padded is a plugin that does nothing, with this many functions more of type () -> ().
func padded(functions int, body []byte) []byte {
	size := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
	name := func(s string) []byte { return append(size(len(s)), s...) }
	sized := func(code string) []byte { return append(size(len(code)), code...) }
	exports := append([]byte{5}, append(name("memory"), 2, 0)...)
	for i, export := range []string{"ch_abi_version", "ch_buffer", "join", "handle_in"} {
		exports = append(append(exports, name(export)...), 0, byte(i))
	}
	own := slices.Concat(sized("\x00\x41\x80\x80\x04\x0b"), sized("\x00\x41\x80\x08\x0b"), sized("\x00\x41\x00\x0b"), sized("\x00\x41\x00\x0b"))
	bin := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range []struct {
		id   byte
		body []byte
	}{
		{1, []byte("\x03\x60\x00\x01\x7f\x60\x01\x7f\x01\x7f\x60\x00\x00")},
		{3, slices.Concat(size(4+functions), []byte{0, 1, 1, 1}, bytes.Repeat([]byte{2}, functions))},
		{5, []byte{1, 0, 2}},
		{7, exports},
		{10, slices.Concat(size(4+functions), own, bytes.Repeat(sized(string(body)), functions))},
	} {
		bin = slices.Concat(bin, []byte{s.id}, size(len(s.body)), s.body)
	}
	return bin
}

// loopsOfLocals are loops within each other, and locals that are all alive in them: a
// compiler keeps a value of each in each.
func loopsOfLocals(loops, locals int) []byte {
	code := binary.AppendUvarint([]byte{1}, uint64(locals))
	code = append(append(code, 0x7f), strings.Repeat("\x03\x40", loops)...)
	for n := range locals {
		local := binary.AppendUvarint(nil, uint64(n))
		code = slices.Concat(code, []byte{0x20}, local, []byte{0x41, 1, 0x6a, 0x21}, local)
	}
	return append(append(code, strings.Repeat("\x0b", loops)...), 0x0b)
}

// readsAndWrites is code without a branch.
func readsAndWrites(n int) []byte {
	return []byte("\x00" + strings.Repeat("\x41\x00\x41\x00\x28\x02\x00\x36\x02\x00", n) + "\x0b")
}

// unlike makes a module that is in no cache: it gets a section of its own.
func unlike(module []byte, n int64) []byte {
	text := append([]byte{1, 'x'}, strconv.FormatInt(n, 10)...)
	return slices.Concat(module, []byte{0, byte(len(text))}, text)
}

// besiege uploads until ctx ends.
func (u *uploader) besiege(ctx context.Context, t *testing.T, tn *tenant.Tenant, wg *sync.WaitGroup) {
	module := u.module()
	for range uploadsAtOnce {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, err := tn.Upload(ctx, tenant.Upload{Plugin: "it", Module: unlike(module, time.Now().UnixNano())})
				if ctx.Err() != nil {
					return
				}
				u.done.Add(1)
				var fault *wasm.ModuleError
				if refused := errors.As(err, &fault) && strings.Contains(err.Error(), "compiling takes more than "); refused != u.refused || err != nil && !refused {
					u.wrong.Add(1)
					t.Errorf("the tenant %s: %.300v", u.name, err)
				}
			}
		})
	}
}

// echo lets clients send events, each at its own times and whether the last answer has
// come or not, and returns how long after its time each answer came, sorted.
func echo(t *testing.T, clients []*phxclient.Conn, every, lasts time.Duration) []time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts+time.Minute)
	defer cancel()
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	begin := time.Now()
	for c, conn := range clients {
		wg.Go(func() {
			event := phx.Frame{Data: fmt.Appendf(nil, `["1","2","rooms:%d","echo",{}]`, c)}
			var took []time.Duration
			for due := begin.Add(every * time.Duration(c) / time.Duration(len(clients))); due.Before(begin.Add(lasts)); due = due.Add(every) {
				time.Sleep(time.Until(due))
				err := conn.Send(ctx, event)
				if err == nil {
					_, err = conn.Receive(ctx)
				}
				if err != nil {
					t.Errorf("client %d: %v", c, err)
					return
				}
				took = append(took, time.Since(due))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	if len(all) == 0 {
		t.Fatal("nobody was answered")
	}
	slices.Sort(all)
	return all
}

// stolenTime is how long other systems on the same computer have had the processors that
// this one wanted; 0 where the system does not say so.
func stolenTime() time.Duration {
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(stat), "\n")
	if fields := strings.Fields(line); len(fields) > 8 {
		ticks, _ := strconv.Atoi(fields[8])
		return time.Duration(ticks) * 10 * time.Millisecond
	}
	return 0
}

// bombarded is a host with tenants who upload, and one whose clients are joined.
type bombarded struct {
	server  *hosttest.Server
	enemies map[*uploader]*tenant.Tenant
	clients []*phxclient.Conn
}

func bombard(t *testing.T, clients int) *bombarded {
	t.Helper()
	server := hosttest.Start(t, host.Config{
		Registry: registry.NewMemory(registry.Config{}), CacheDir: t.TempDir(),
		Compiler: host.CompilerMain(), Logger: slog.New(slog.DiscardHandler),
	})
	b := &bombarded{server: server, enemies: make(map[*uploader]*tenant.Tenant)}
	for _, u := range uploaders() {
		tn, err := server.Tenants().Create(t.Context(), u.name, tenant.Settings{}, tenant.Request{})
		if err != nil {
			t.Fatal(err)
		}
		b.enemies[u] = tn
	}
	settle(t, server, "neighbour", assembled(t, "served/echo"))
	for i := range clients {
		w := dialTenant(t, server, "neighbour")
		w.join(fmt.Sprintf("rooms:%d", i))
		b.clients = append(b.clients, w.Conn)
	}
	return b
}

// during calls f while all the tenants upload.
func (b *bombarded) during(t *testing.T, f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for u, tn := range b.enemies {
		u.besiege(ctx, t, tn, &wg)
	}
	f()
	cancel()
	wg.Wait()
}

// TestCompileBombs: the clients are answered meanwhile, every one of them.
func TestCompileBombs(t *testing.T) {
	b := bombard(t, 10)
	b.during(t, func() { echo(t, b.clients, 20*time.Millisecond, time.Second) })
}

// TestProofCompileBombs: while three tenants upload bombs without end, each of them as many
// at once as the admin API takes, the clients of a fourth are answered nearly as fast as
// without. Spans with and without them take turns; the quietest ones count.
func TestProofCompileBombs(t *testing.T) {
	if os.Getenv("CHHOST_PROOF") == "" {
		return // its small form above runs always
	}
	const clients, rounds, most = 100, 5, 12
	const every, lasts, little = 50 * time.Millisecond, 8 * time.Second, 160 * time.Millisecond
	b := bombard(t, clients)
	type span struct {
		times  float64
		stolen time.Duration
	}
	var all []span
	for quiet := 0; quiet < rounds && len(all) < most; {
		idle := echo(t, b.clients, every, lasts)
		before, beside := stolenTime(), []time.Duration(nil)
		b.during(t, func() { beside = echo(t, b.clients, every, lasts) })
		s := span{stolen: stolenTime() - before}
		again := echo(t, b.clients, every, lasts)
		at := func(all []time.Duration, p int) time.Duration { return all[len(all)*p/100] }
		s.times = float64(at(beside, 99)) / (float64(at(idle, 99)+at(again, 99)) / 2)
		if all = append(all, s); s.stolen <= little {
			quiet++
		}
		fmt.Printf("round %d: p50 idle %v and %v, beside bombs %v; p99 idle %v and %v, beside bombs %v: %.2f times, %v stolen\n", len(all),
			at(idle, 50), at(again, 50), at(beside, 50), at(idle, 99), at(again, 99), at(beside, 99), s.times, s.stolen)
	}
	for u := range b.enemies {
		fmt.Printf("the tenant %s: %d uploads answered, %d of them not as they should be\n", u.name, u.done.Load(), u.wrong.Load())
	}
	slices.SortFunc(all, func(a, b span) int { return int(a.stolen - b.stolen) })
	counted := all[:min(rounds, len(all))]
	slices.SortFunc(counted, func(a, b span) int { return int(1000 * (a.times - b.times)) })
	median := counted[len(counted)/2]
	fmt.Printf("median of the %d quietest of %d rounds: p99 %.2f times\n", len(counted), len(all), median.times)
	if median.times > 2.5 {
		t.Errorf("beside compile bombs p99 is %.2f times what it is without; at most 2.5", median.times)
	}
}
