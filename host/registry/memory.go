package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// Config is how a store is kept. The zero value is the default.
type Config struct {
	// Entries is how many entries the audit log keeps; beyond, old ones are left out, see
	// [Entry]. Default [MaxEntries].
	Entries int
	// Log is told what a [Disk] finds and repairs when it is opened. Default: nobody.
	Log *slog.Logger
}

func (c Config) entries() int {
	if c.Entries <= 0 {
		return MaxEntries
	}
	return c.Entries
}

// Memory is a [Store] that lasts as long as the process. It is safe for concurrent use.
type Memory struct {
	calls   calls
	turns   turns
	entries int

	mu      sync.Mutex
	tenants map[string][]byte // as encodeTenant makes them
	uses    map[Digest]int    // how many tenants name a module
	pins    map[Digest]int    // how many changes under way need it
	modules map[Digest][]byte
	log     []Entry
	shares  shares // of log
	last    uint64
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory(c Config) *Memory {
	return &Memory{
		entries: c.entries(),
		tenants: map[string][]byte{}, uses: map[Digest]int{}, pins: map[Digest]int{}, modules: map[Digest][]byte{},
	}
}

// Create implements [Store].
func (m *Memory) Create(ctx context.Context, t Tenant, entry Entry) (Tenant, error) {
	if err := m.calls.begin(ctx); err != nil {
		return Tenant{}, err
	}
	defer m.calls.end()
	after, sealed, err := created(&t)
	if err != nil {
		return Tenant{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.tenants[t.Name]; ok {
		return Tenant{}, fmt.Errorf("%w: the tenant %s", ErrExists, t.Name)
	}
	if err := m.commit(nil, &after, sealed, entry); err != nil {
		return Tenant{}, err
	}
	return decodeTenant(t.Name, sealed)
}

// Update implements [Store].
func (m *Memory) Update(ctx context.Context, tenant string, change Change) (Tenant, error) {
	if err := m.calls.begin(ctx); err != nil {
		return Tenant{}, err
	}
	defer m.calls.end()
	brought, err := digestsOf(change.Modules)
	if err != nil {
		return Tenant{}, err
	}
	m.bring(brought, change.Modules)
	defer m.unpin(brought)
	done, err := m.turns.take(ctx, tenant)
	if err != nil {
		return Tenant{}, err
	}
	defer done()
	for { // once, but for a tenant that is deleted and made anew
		before, err := m.record(tenant)
		if err != nil {
			return Tenant{}, err
		}
		after, sealed, err := applied(tenant, before, &change)
		if err != nil {
			return Tenant{}, err
		}
		if done, err := m.swap(tenant, before, &after, sealed, change.entry()); err != nil {
			return Tenant{}, err
		} else if done {
			return decodeTenant(tenant, sealed)
		}
		if err := ctx.Err(); err != nil {
			return Tenant{}, err
		}
	}
}

// digestsOf returns the digests of modules that are small enough.
func digestsOf(modules [][]byte) ([]Digest, error) {
	digests := make([]Digest, len(modules))
	for i, module := range modules {
		if len(module) > MaxModule {
			return nil, fmt.Errorf("%w: a module of %d bytes, at most %d", ErrTooLarge, len(module), MaxModule)
		}
		digests[i] = DigestOf(module)
	}
	return digests, nil
}

func (m *Memory) bring(digests []Digest, modules [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, d := range digests {
		m.pins[d]++
		if m.modules[d] == nil {
			m.modules[d] = append([]byte{}, modules[i]...)
		}
	}
}

func (m *Memory) unpin(digests []Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range digests {
		release(m.pins, d)
	}
}

// release counts one down, and forgets what nobody counts.
func release(counts map[Digest]int, d Digest) {
	if counts[d]--; counts[d] <= 0 {
		delete(counts, d)
	}
}

func (m *Memory) record(tenant string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sealed, ok := m.tenants[tenant]
	if !ok {
		return nil, fmt.Errorf("%w: the tenant %.80q", ErrNotFound, tenant)
	}
	return sealed, nil
}

// swap stores a record unless another change came first.
func (m *Memory) swap(tenant string, before []byte, after *Tenant, sealed []byte, entry Entry) (done bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, ok := m.tenants[tenant]
	if !ok {
		return false, fmt.Errorf("%w: the tenant %.80q", ErrNotFound, tenant)
	}
	if !bytes.Equal(now, before) {
		return false, nil
	}
	return true, m.commit(before, after, sealed, entry)
}

// commit puts a record in the place of another; m.mu is held. Either may be missing.
func (m *Memory) commit(before []byte, after *Tenant, sealed []byte, entry Entry) error {
	var named, names map[Digest]struct{}
	if before != nil {
		old, err := decodeTenant(after.Name, before)
		if err != nil {
			return err
		}
		named = old.digests()
	}
	if sealed != nil {
		names = after.digests()
	}
	for d := range names {
		if _, old := named[d]; !old && m.modules[d] == nil {
			return fmt.Errorf("%w: %s", ErrNoModule, d.Short())
		}
	}
	if entry.Action != "" {
		if err := m.append(entry.filled(after.Name, after.Revision)); err != nil {
			return err
		}
	}
	for d := range names {
		m.uses[d]++
	}
	for d := range named {
		release(m.uses, d)
	}
	if sealed == nil {
		delete(m.tenants, after.Name)
	} else {
		m.tenants[after.Name] = sealed
	}
	return nil
}

// append numbers an entry and keeps it; m.mu is held.
func (m *Memory) append(entry Entry) error {
	entry.Number = m.last + 1
	if err := entry.check(); err != nil {
		return err
	}
	m.last++
	m.log = append(m.log, entry)
	m.shares.add(keptEntry{entry.Number, entry.share()})
	for old, full := m.shares.next(m.entries); full; old, full = m.shares.next(m.entries) {
		m.shares.drop(old)
		i, _ := slices.BinarySearchFunc(m.log, old.number, func(e Entry, n uint64) int { return cmp.Compare(e.Number, n) })
		if i == 0 {
			m.log = m.log[1:]
			continue
		}
		m.log = slices.Delete(m.log, i, i+1)
	}
	return nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, tenant string, entry Entry) error {
	if err := m.calls.begin(ctx); err != nil {
		return err
	}
	defer m.calls.end()
	m.mu.Lock()
	defer m.mu.Unlock()
	before, ok := m.tenants[tenant]
	if !ok {
		return fmt.Errorf("%w: the tenant %.80q", ErrNotFound, tenant)
	}
	old, err := decodeTenant(tenant, before)
	if err == nil {
		return m.commit(before, &old, nil, entry)
	}
	// A damaged record does not tell what it has named.
	if err := m.commit(nil, &old, nil, entry); err != nil {
		return err
	}
	m.recount()
	return nil
}

// recount finds out which modules the records name, unless another one is damaged; m.mu
// is held.
func (m *Memory) recount() {
	uses := map[Digest]int{}
	for name, sealed := range m.tenants {
		t, err := decodeTenant(name, sealed)
		if err != nil {
			return // what it needs is kept
		}
		for d := range t.digests() {
			uses[d]++
		}
	}
	m.uses = uses
}

// Tenant implements [Store].
func (m *Memory) Tenant(ctx context.Context, name string) (Tenant, error) {
	if err := m.calls.begin(ctx); err != nil {
		return Tenant{}, err
	}
	defer m.calls.end()
	sealed, err := m.record(name)
	if err != nil {
		return Tenant{}, err
	}
	return decodeTenant(name, sealed)
}

// Tenants implements [Store].
func (m *Memory) Tenants(ctx context.Context) iter.Seq2[Tenant, error] {
	return func(yield func(Tenant, error) bool) {
		names, err := m.names(ctx)
		if err != nil {
			yield(Tenant{}, err)
			return
		}
		for _, name := range names {
			t, err := m.Tenant(ctx, name)
			switch {
			case errors.Is(err, ErrNotFound): // meanwhile
			case !yield(t, err) || err != nil && !errors.Is(err, ErrDamaged):
				return
			}
		}
	}
}

func (m *Memory) names(ctx context.Context) ([]string, error) {
	if err := m.calls.begin(ctx); err != nil {
		return nil, err
	}
	defer m.calls.end()
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.tenants)), nil
}

// Module implements [Store].
func (m *Memory) Module(ctx context.Context, d Digest) ([]byte, error) {
	if err := m.calls.begin(ctx); err != nil {
		return nil, err
	}
	defer m.calls.end()
	m.mu.Lock()
	module, ok := m.modules[d]
	m.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("%w: the module %s", ErrNotFound, d.Short())
	}
	return append([]byte{}, module...), nil
}

// Audit implements [Store].
func (m *Memory) Audit(ctx context.Context, tenant string, after uint64, limit int) ([]Entry, error) {
	if err := m.calls.begin(ctx); err != nil {
		return nil, err
	}
	defer m.calls.end()
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []Entry
	for _, e := range m.log {
		if e.Number > after && (tenant == "" || e.Tenant == tenant) && len(entries) < readAtMost(limit) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func readAtMost(limit int) int {
	if limit <= 0 || limit > MaxRead {
		return MaxRead
	}
	return limit
}

// Append implements [Store].
func (m *Memory) Append(ctx context.Context, entry Entry) error {
	if err := m.calls.begin(ctx); err != nil {
		return err
	}
	defer m.calls.end()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.append(entry.filled(entry.Tenant, entry.Revision))
}

// Sweep implements [Store].
func (m *Memory) Sweep(ctx context.Context) (int, error) {
	if err := m.calls.begin(ctx); err != nil {
		return 0, err
	}
	defer m.calls.end()
	m.mu.Lock()
	defer m.mu.Unlock()
	swept := 0
	for d := range m.modules {
		if m.uses[d] == 0 && m.pins[d] == 0 {
			delete(m.modules, d)
			swept++
		}
	}
	return swept, nil
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.calls.close()
	return nil
}
