package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

func (c *call) whoami() (*answer, error) {
	return &answer{body: whoBody{Name: c.who.name, Operator: c.who.operator, Tenant: c.who.tenant}}, nil
}

func (c *call) limits() (*answer, error) {
	b := limitsBody{Limits: []limitBody{}}
	for _, l := range tenant.LimitTable() {
		b.Limits = append(b.Limits, limitBody(l))
	}
	return &answer{body: b}, nil
}

// number reads a parameter; without one it is otherwise.
func (c *call) number(name string, otherwise, most uint64) (uint64, error) {
	text := c.query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n > most {
		return 0, fault(codeBody, "%s is a number of at most %d", name, most)
	}
	return n, nil
}

func (c *call) audit() (*answer, error) {
	after, limit, err := c.numberedPage()
	if err != nil {
		return nil, err
	}
	entries, next, err := c.entries(after, limit)
	if err != nil {
		return nil, err
	}
	b := auditBody{Entries: make([]auditEntry, 0, len(entries)), Next: word(next)}
	for _, e := range entries {
		b.Entries = append(b.Entries, auditEntry{e.Number, e.At, e.Tenant, e.By, e.Action, e.Detail, e.Revision})
	}
	return &answer{body: b}, nil
}

// entries reads a page of the audit log; next is where there may be more. A tenant's own
// token sees nothing of who had the name before.
func (c *call) entries(after uint64, limit int) (entries []registry.Entry, next *uint64, err error) {
	var since time.Time
	if !c.who.operator {
		since = c.tenant.Record().Created
	}
	for {
		entries, err := c.api.cfg.Store.Audit(c.r.Context(), c.name, after, limit)
		if err != nil || len(entries) == 0 {
			return nil, nil, err
		}
		after = entries[len(entries)-1].Number
		if next = nil; len(entries) == limit {
			next = &after
		}
		entries = slices.DeleteFunc(entries, func(e registry.Entry) bool { return e.At.Before(since) })
		if len(entries) > 0 {
			return entries, next, nil
		}
	}
}

func (c *call) backup() error {
	store, ok := c.api.cfg.Store.(Store)
	if !ok {
		return fault(codeInvalid, "what this host stores lasts as long as its process: there is nothing to save")
	}
	c.w.Header().Set("Content-Type", "application/x-tar")
	started := &started{w: c.w}
	err := store.Backup(c.r.Context(), started)
	if errors.Is(err, registry.ErrIncomplete) { // which the archive says itself
		c.api.log.Error("a backup lacks modules that are missing or damaged: upload them again", "err", err)
		return nil
	}
	if err != nil {
		if started.wrote {
			// The archive is not whole, and whoever reads it is to know.
			c.api.log.Error("a backup ended before it was whole", "err", err)
			panic(http.ErrAbortHandler)
		}
		return err
	}
	return nil
}

// started tells whether something was written.
type started struct {
	w     http.ResponseWriter
	wrote bool
}

func (s *started) Write(b []byte) (int, error) {
	s.wrote = true
	patient(s.w)
	return s.w.Write(b)
}

func (c *call) metrics() error {
	if c.api.cfg.Metrics == nil {
		return fault(codeUnknown, "this host shows no metrics")
	}
	patient(c.w)
	c.api.cfg.Metrics.ServeHTTP(c.w, c.r)
	return nil
}

func (c *call) tenants() (*answer, error) {
	after, err := c.afterName(registry.CheckName)
	if err != nil {
		return nil, err
	}
	limit, err := c.most()
	if err != nil {
		return nil, err
	}
	all, next := cut(c.api.cfg.Tenants.Tenants(), (*tenant.Tenant).Name, after, limit)
	b := tenantsBody{Tenants: make([]recordBody, 0, len(all)), Next: word(next)}
	for _, t := range all {
		record := recordOf(t.Record())
		if err := t.Damage(); err != nil {
			record.Damaged = err.Error()
		}
		b.Tenants = append(b.Tenants, record)
	}
	return &answer{body: b}, nil
}

// recorded answers with a record.
func recorded(r registry.Tenant, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	return &answer{body: recordOf(r), revision: r.Revision}, nil
}

func (c *call) record() (*answer, error) { return recorded(c.tenant.Record(), nil) }

func (c *call) set() (*answer, error) {
	var b settingsBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	var known []registry.Issuer
	if c.tenant != nil {
		if c.missing {
			return nil, fault(codeExists, "there is a tenant %q already", c.name)
		}
		known = c.tenant.Record().Issuers
	}
	s := tenant.Settings{Hosts: b.Hosts, Origins: b.Origins, Limits: b.Limits, Connect: b.Connect}
	for _, i := range b.Issuers {
		keys, err := keysOf(i, known)
		if err != nil {
			return nil, err
		}
		s.Issuers = append(s.Issuers, registry.Issuer{Issuer: i.Issuer, Audience: i.Audience, Keys: keys, JWKS: i.JWKS})
	}
	if c.tenant != nil {
		return recorded(c.tenant.Set(c.r.Context(), s, c.change))
	}
	if c.change.IfRevision > 0 {
		return nil, fault(codeUnknown, "there is no tenant %q", c.name)
	}
	made, err := c.api.cfg.Tenants.Create(c.r.Context(), c.name, s, c.change)
	if err != nil {
		return nil, err
	}
	r := made.Record()
	return &answer{status: http.StatusCreated, body: recordOf(r), revision: r.Revision}, nil
}

// keysOf returns the keys of an issuer: those that are sent, or those that are known and
// whose digest is.
func keysOf(i issuerBody, known []registry.Issuer) (string, error) {
	if i.Keys != "" || i.KeysDigest == "" {
		return i.Keys, nil
	}
	for _, k := range known {
		if keysDigest(k.Keys) == i.KeysDigest {
			return k.Keys, nil
		}
	}
	return "", fault(codeInvalid, "no keys with the digest %q are known: send them", i.KeysDigest)
}

func (c *call) delete() (*answer, error) {
	return &answer{}, c.api.cfg.Tenants.Delete(c.r.Context(), c.name, c.change)
}

func (c *call) suspend() (*answer, error) {
	return recorded(c.tenant.Suspend(c.r.Context(), c.change))
}

func (c *call) resume() (*answer, error) {
	return recorded(c.tenant.Resume(c.r.Context(), c.change))
}

// windowOf reads how long a drain may take.
func windowOf(text string) (time.Duration, error) {
	window, err := time.ParseDuration(text)
	if err != nil || window < 0 || window > tenant.MaxWindow {
		return 0, fault(codeBody, `window is a time from 0s to %v, such as "10s"`, tenant.MaxWindow)
	}
	return window, nil
}

func (c *call) drain() (*answer, error) {
	b := drainBody{Window: tenant.DefaultWindow.String()}
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	window, err := windowOf(b.Window)
	if err != nil {
		return nil, err
	}
	if c.change.DryRun {
		return &answer{body: closedBody{Closed: len(c.tenant.Sockets())}}, nil
	}
	return &answer{body: closedBody{Closed: c.tenant.Drain(c.r.Context(), window)}}, nil
}

func (c *call) usage() (*answer, error) {
	u := c.tenant.Usage()
	b := usageBody{
		Connections: u.Connections, Topics: u.Topics, Memory: u.Memory, Frames: u.Frames, Bytes: u.Bytes, SentFrames: u.SentFrames, SentBytes: u.SentBytes,
		Fuel: u.Fuel, Refused: u.Refused, RateLimited: u.RateLimited, SlowClosed: u.SlowClosed, Failed: u.Failed, Published: u.Published, Versions: []versionUsageBody{},
	}
	for _, v := range u.Versions {
		b.Versions = append(b.Versions, versionUsageBody{
			Name: v.Name, Digest: v.Digest, Loaded: v.Loaded, Channels: v.Channels, Calls: v.Calls, Crashes: v.Crashes, Fuel: v.Fuel, Memory: v.Memory, Quarantined: v.Quarantined,
		})
	}
	return &answer{body: b}, nil
}

func (c *call) topics() (*answer, error) {
	after, err := c.afterName(phx.CheckName)
	if err != nil {
		return nil, err
	}
	limit, err := c.most()
	if err != nil {
		return nil, err
	}
	all := []topicBody{}
	for _, t := range c.tenant.Topics() {
		all = append(all, topicBody(t))
	}
	all, next := cut(all, func(t topicBody) string { return t.Topic }, after, limit)
	return &answer{body: topicsBody{Topics: all, Next: word(next)}}, nil
}

func (c *call) sockets() (*answer, error) {
	after, limit, err := c.numberedPage()
	if err != nil {
		return nil, err
	}
	all, next := cut(c.tenant.Sockets(), func(s socket.Info) uint64 { return s.Number }, after, limit)
	b := socketsBody{Sockets: make([]socketBody, 0, len(all)), Next: word(next)}
	for _, s := range all {
		if s.Topics == nil {
			s.Topics = []string{}
		}
		b.Sockets = append(b.Sockets, socketBody(s))
	}
	return &answer{body: b}, nil
}

func (c *call) disconnect() (*answer, error) {
	which := c.r.PathValue("socket")
	closed := 0
	number, err := strconv.ParseUint(which, 10, 64)
	switch {
	case c.change.DryRun:
		return nil, fault(codeBody, "dry_run has no meaning here")
	case err == nil:
		if !c.tenant.DisconnectSocket(number) {
			return nil, fault(codeUnknown, "there is no socket %d on this node", number)
		}
		closed = 1
	default:
		if closed, err = c.tenant.Disconnect(which); errors.Is(err, tenant.ErrUnknown) {
			return nil, err
		} else if err != nil {
			return nil, fault(codeInvalid, "%v", err)
		}
	}
	return &answer{body: closedBody{Closed: closed}}, c.note("disconnect", which)
}

// note writes an entry of the audit log about what changes no record.
func (c *call) note(action, detail string) error {
	return c.api.cfg.Store.Append(context.WithoutCancel(c.r.Context()), registry.Entry{Tenant: c.name, By: c.who.name, Own: !c.who.operator, Action: action, Detail: detail})
}

func (c *call) tokens() (*answer, error) {
	r := c.tenant.Record()
	b := tokensBody{Tokens: make([]tokenBody, 0, len(r.DeployTokens))}
	for _, t := range r.DeployTokens {
		b.Tokens = append(b.Tokens, tokenBody{t.ID, t.Note, t.Created, t.Expires})
	}
	return &answer{body: b, revision: r.Revision}, nil
}

// mostTokens is how many deploy tokens a tenant may have.
const mostTokens = 100

func (c *call) mint() (*answer, error) {
	var b mintBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	now := c.api.cfg.Now()
	if len(b.Note) > 200 {
		return nil, fault(codeInvalid, "a note has at most 200 bytes")
	}
	if !b.Expires.IsZero() && !b.Expires.After(now) {
		return nil, fault(codeInvalid, "the token would have expired already")
	}
	var made registry.DeployToken
	var text string
	r, err := c.changeTokens(func(tokens []registry.DeployToken) ([]registry.DeployToken, error) {
		if len(tokens) >= mostTokens {
			return nil, fault(codeQuota, "too_many_tokens: the tenant has %d deploy tokens; take some back", mostTokens)
		}
		id := secret()[:12]
		text = deployToken(c.name, id)
		made = registry.DeployToken{ID: id, Hash: registry.DigestOf([]byte(text)), Created: now, Expires: b.Expires, Note: b.Note}
		return append(tokens, made), nil
	})
	if err != nil {
		return nil, err
	}
	if c.change.DryRun {
		text = ""
	}
	return &answer{body: mintedBody{tokenBody{made.ID, made.Note, made.Created, made.Expires}, text}, revision: r.Revision}, nil
}

func (c *call) revoke() (*answer, error) {
	id := c.r.PathValue("token")
	_, err := c.changeTokens(func(tokens []registry.DeployToken) ([]registry.DeployToken, error) {
		for i := range tokens {
			if tokens[i].ID == id {
				return append(tokens[:i:i], tokens[i+1:]...), nil
			}
		}
		return nil, fault(codeUnknown, "there is no token %q", id)
	})
	return &answer{}, err
}

// revokedOf lists the revocations of a record.
func revokedOf(r registry.Tenant, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	b := revocationsBody{Revocations: make([]revocationBody, 0, len(r.Revocations))}
	for _, v := range r.Revocations {
		b.Revocations = append(b.Revocations, revocationBody(v))
	}
	return &answer{body: b, revision: r.Revision}, nil
}

func (c *call) revocations() (*answer, error) { return revokedOf(c.tenant.Record(), nil) }

func (c *call) revokeClients() (*answer, error) {
	var b revocationBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	ans, err := revokedOf(c.tenant.Revoke(c.r.Context(), registry.Revocation(b), c.change))
	if err == nil && c.change.DryRun {
		ans.status = http.StatusOK
	}
	return ans, err
}

// changeTokens changes the deploy tokens; where somebody else has changed the tenant
// meanwhile, it begins again, unless the request is for one revision.
func (c *call) changeTokens(edit func([]registry.DeployToken) ([]registry.DeployToken, error)) (registry.Tenant, error) {
	for {
		r := c.tenant.Record()
		tokens, err := edit(append([]registry.DeployToken(nil), r.DeployTokens...))
		if err != nil {
			return registry.Tenant{}, err
		}
		change := c.change
		if change.IfRevision == 0 {
			change.IfRevision = r.Revision
		}
		stored, err := c.tenant.PutTokens(c.r.Context(), tokens, change)
		if c.change.IfRevision == 0 && errors.Is(err, tenant.ErrConflict) {
			continue
		}
		return stored, err
	}
}
