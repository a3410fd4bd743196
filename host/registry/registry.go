package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Digest is the SHA-256 of a module's bytes, and its name.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a module.
func DigestOf(module []byte) Digest { return sha256.Sum256(module) }

// ParseDigest is the inverse of String.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != hex.EncodedLen(len(d)) {
		return d, fmt.Errorf("registry: a digest has %d hexadecimal digits", hex.EncodedLen(len(d)))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, errors.New("registry: a digest consists of hexadecimal digits")
	}
	return d, nil
}

// String is the digest in 64 lower case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short is the digest's first 8 digits, which logs and answers carry.
func (d Digest) Short() string { return d.String()[:8] }

// MarshalText and UnmarshalText let records hold digests as text.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (d *Digest) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDigest(string(text))
	return err
}

// Tenant is all that the registry knows of one tenant. The values within it are what
// an operator or the tenant has asked for; what they mean, and whether they make sense,
// is the business of package tenant.
type Tenant struct {
	Name string `json:"name"`
	// Revision grows by one with each change of the record, from 1.
	Revision uint64    `json:"revision"`
	Created  time.Time `json:"created"`
	// Hosts are the names by which clients reach this tenant.
	Hosts []string `json:"hosts,omitempty"`
	// Origins are those of browsers' pages that may connect.
	Origins []string `json:"origins,omitempty"`
	// Limits are bounds by name; those that are missing have their defaults.
	Limits map[string]int64 `json:"limits,omitempty"`
	// Issuers are whose tokens clients may bring; empty: they need none.
	Issuers []Issuer `json:"issuers,omitempty"`
	// Revocations are tokens of clients that count no more.
	Revocations []Revocation `json:"revocations,omitempty"`
	// DeployTokens let those who have them change this tenant only.
	DeployTokens []DeployToken `json:"deploy_tokens,omitempty"`
	// Suspended: its clients are refused until it is resumed.
	Suspended bool `json:"suspended,omitempty"`
	// Connect names the plugin that decides about new sockets. Default none.
	Connect string   `json:"connect,omitempty"`
	Routes  []Route  `json:"routes,omitempty"`
	Plugins []Plugin `json:"plugins,omitempty"`
}

// Issuer is a source of clients' tokens: keys that are written down, or the address
// of a set of keys.
type Issuer struct {
	Issuer   string   `json:"issuer,omitempty"`
	Audience []string `json:"audience,omitempty"`
	// Keys is a JSON Web Key Set (RFC 7517), or keys in PEM.
	Keys string `json:"keys,omitempty"`
	// JWKS is the https address of a JSON Web Key Set.
	JWKS string `json:"jwks,omitempty"`
}

// Revocation refuses one token of clients, by its ID (jti), or all that a subject (sub)
// was given until Before.
type Revocation struct {
	ID      string    `json:"id,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Before  time.Time `json:"before,omitzero"`
	// Expires is when the last of them has expired by itself, and this can be forgotten.
	Expires time.Time `json:"expires"`
	By      string    `json:"by,omitempty"`
}

// DeployToken is what is kept of a token: enough to know it again.
type DeployToken struct {
	ID      string    `json:"id"`
	Hash    Digest    `json:"hash"` // of the token's text
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	// Note is for people: who has it.
	Note string `json:"note,omitempty"`
}

// Route sends the topics that match Pattern to the active version of a plugin.
type Route struct {
	Pattern string `json:"pattern"`
	Plugin  string `json:"plugin"`
}

// Plugin is one plugin of a tenant, and its history.
type Plugin struct {
	Name string `json:"name"`
	// Settings are what its versions read by config_get.
	Settings map[string]string `json:"settings,omitempty"`
	// Versions are those that are kept, oldest first, in the order of Seq.
	Versions []Version `json:"versions,omitempty"`
	// Last is the largest Seq that was ever given, also to a version that is kept no
	// more: a number is never given twice.
	Last int `json:"last,omitempty"`
	// Active is the Seq of the version that new joins go to; 0: none was deployed.
	Active int `json:"active,omitempty"`
	// Canary is the Seq of a version that a part of the topics goes to instead, and
	// Percent that part; 0: none.
	Canary  int `json:"canary,omitempty"`
	Percent int `json:"percent,omitempty"`
	// Deploys is what became active when, oldest first: the newest [MaxDeploys].
	Deploys []Deploy `json:"deploys,omitempty"`
}

// MaxDeploys is how many entries of a plugin's history are kept in its record. The
// audit log has all.
const MaxDeploys = 100

// Version is one upload of a plugin. It does not change.
type Version struct {
	Seq      int       `json:"seq"`
	Digest   Digest    `json:"digest"`
	Size     int64     `json:"size"` // of the module, in bytes
	Uploaded time.Time `json:"uploaded"`
	By       string    `json:"by,omitempty"`
	// Pinned keeps the version when others are left out for their age.
	Pinned bool `json:"pinned,omitempty"`
}

// Deploy is an entry of a plugin's history.
type Deploy struct {
	At       time.Time `json:"at"`
	By       string    `json:"by,omitempty"`
	Seq      int       `json:"seq"`
	Previous int       `json:"previous,omitempty"`
	Strategy string    `json:"strategy"`
	// Reason says why a deploy was not somebody's wish: the crash limit's, say.
	Reason string `json:"reason,omitempty"`
}

// Entry is a line of the audit log: who changed what, and when. It holds no secrets.
//
// The log is bounded, see [Config], and what tenants do leaves out nothing of others: half
// of it is kept for the operator's entries, those that are not Own, and what is left the
// tenants share. When it is full the oldest of the operator's entries goes if they are
// more than half, and otherwise the oldest Own entry of the tenant that has the most.
type Entry struct {
	// Number counts the entries of the store, from 1; the store gives it.
	Number uint64    `json:"number"`
	At     time.Time `json:"at"`
	Tenant string    `json:"tenant,omitempty"`
	// By is who asked: the name of a token, never the token.
	By string `json:"by,omitempty"`
	// Action is what was done, such as "deploy".
	Action string `json:"action"`
	Detail string `json:"detail,omitempty"`
	// Revision is the tenant's after the change.
	Revision uint64 `json:"revision,omitempty"`
	// Own: the tenant has brought it about, by one of its tokens or by what its plugins
	// did, and not the operator. It counts against the tenant's share of the log, and the
	// next of this name has the same share.
	Own bool `json:"own,omitempty"` // the last one, see ownMark
}

var (
	// ErrNotFound is returned when there is no such tenant, module or entry.
	ErrNotFound = errors.New("registry: not found")
	// ErrExists is returned when a tenant is to be made that exists.
	ErrExists = errors.New("registry: exists already")
	// ErrNoModule is returned by a change whose record names a module that is not stored.
	ErrNoModule = errors.New("registry: the record names a module that is not stored")
	// ErrDamaged is returned when the bytes of a module or of a record are not those it
	// was stored with. An upload of the same module repairs it.
	ErrDamaged = errors.New("registry: what is stored is damaged")
	// ErrIncomplete is returned by [Disk.Backup] when the archive is whole but for modules
	// that are missing or damaged, which it lists.
	ErrIncomplete = errors.New("registry: the backup lacks modules")
	// ErrInvalid is returned when a record or an entry contradicts itself or has a name
	// that nothing may have. The text says where.
	ErrInvalid = errors.New("registry: invalid")
	// ErrTooLarge is returned when a record, a module or an entry exceeds [MaxRecord],
	// [MaxModule] or [MaxEntry].
	ErrTooLarge = errors.New("registry: too large")
	// ErrFull is returned when there is no room on the disk. What was there is untouched.
	ErrFull = errors.New("registry: the disk is full")
	// ErrReadOnly is returned by changes after a failure of the disk that leaves open
	// what is stored: what was read before can still be read. Opening the store again
	// finds out.
	ErrReadOnly = errors.New("registry: changes are refused until the store is opened again")
	// ErrInUse is returned by Open when another process serves the directory.
	ErrInUse = errors.New("registry: the directory is in use by another process")
	// ErrNewer is returned by Open when a later version of this program wrote the store.
	ErrNewer = errors.New("registry: the store was written by a newer version")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("registry: closed")
)

// Change is a change of one tenant's record.
type Change struct {
	// Modules are stored before Apply is called; the record may name their digests.
	Modules [][]byte
	// Apply edits the record, of which it is given a copy. If it returns an error,
	// nothing changes, and that error is returned as it is. It may be called more than
	// once, each time with the newest record, and must not use the store.
	Apply func(t *Tenant) error
	// Entry is written to the audit log with the change; Number, Tenant, Revision, and
	// At if it is zero, are filled in. An empty Action writes none.
	Entry Entry
	// Describe, if it is set, is called after Apply and returns the entry's Detail: what
	// is known only from the record.
	Describe func() string
	// Spare lets the record grow into the last [SpareRecord] of [MaxRecord], which is for
	// what has to be possible although somebody has filled it: to suspend a tenant, say.
	// Without it a record that is there already may not grow.
	Spare bool
}

// entry is what is written to the audit log.
func (c *Change) entry() Entry {
	e := c.Entry
	if c.Describe != nil {
		e.Detail = c.Describe()
	}
	return e
}

// Store keeps what the registry knows. Its methods are safe for concurrent use. A
// method that has returned without an error has made its change for good: what a
// [Disk] has acknowledged, the end of the process at any moment does not undo, and
// what it has not acknowledged has happened as a whole or not at all. What it returns
// is the caller's.
type Store interface {
	// Create adds a tenant, whose Revision becomes 1, or returns ErrExists.
	Create(ctx context.Context, t Tenant, entry Entry) (Tenant, error)
	// Update changes a tenant's record, one change after the other, and returns the new
	// one. Its Name and Created stay as they are, whatever Apply does. Modules that no
	// record names after it are left to Sweep. After any error but ErrReadOnly the
	// record is as it was.
	Update(ctx context.Context, tenant string, change Change) (Tenant, error)
	// Delete forgets a tenant; its modules are left to Sweep.
	Delete(ctx context.Context, tenant string, entry Entry) error
	// Tenant returns a tenant's record, or ErrNotFound.
	Tenant(ctx context.Context, name string) (Tenant, error)
	// Tenants yields all records, by name. They are read a few at a time, so it may
	// miss or yield what changes meanwhile, each record being whole; the loop's body may
	// use the store. A damaged record is yielded with ErrDamaged, its name, and its Hosts if
	// they can still be read, and the next follows; any other error is the last that is
	// yielded.
	Tenants(ctx context.Context) iter.Seq2[Tenant, error]
	// Module returns the bytes of a module. They are compared with the digest: ErrDamaged.
	Module(ctx context.Context, d Digest) ([]byte, error)
	// Audit returns at most limit entries of the log that come after number after,
	// oldest first; of one tenant if tenant is not empty. A limit of 0 or of more than
	// [MaxRead] is MaxRead. Which are left out for others is said at [Entry]: numbers may
	// be missing anywhere.
	Audit(ctx context.Context, tenant string, after uint64, limit int) ([]Entry, error)
	// Append writes an entry that belongs to no change.
	Append(ctx context.Context, entry Entry) error
	// Sweep removes modules that no record names and no change under way brings. It
	// returns how many there were.
	Sweep(ctx context.Context) (int, error)
	// Close ends the store's use: what is called after it returns ErrClosed. It waits for
	// calls that are under way.
	Close() error
}
