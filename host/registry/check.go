package registry

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"time"
)

// Bounds of what is stored.
const (
	// MaxRecord is the size of a tenant's record in bytes, as JSON.
	MaxRecord = 1 << 20
	// SpareRecord is how much of it only changes with [Change.Spare] may use.
	SpareRecord = 64 << 10
	// MaxModule is the size of a module in bytes. What a tenant may upload is less.
	MaxModule = 64 << 20
	// MaxEntry is the size of an entry of the audit log in bytes, as JSON.
	MaxEntry = 4 << 10
	// MaxEntries is the default for how many entries the audit log keeps.
	MaxEntries = 100_000
	// MaxRead is how many entries Audit returns at most.
	MaxRead = 1000
	// MaxName is the length of a tenant's or a plugin's name in bytes.
	MaxName = 64
)

// CheckName holds a tenant's or a plugin's name to what all names consist of: 1 to
// [MaxName] letters and digits of ASCII, and within them '-', '_' and '.'. Names are
// keys and never files, but they stand in addresses and behind '@' stands a version.
func CheckName(name string) error {
	ok := name != "" && len(name) <= MaxName && !strings.ContainsAny(name[:1]+name[len(name)-1:], "-_.")
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.", c) >= 0)
	}
	if !ok {
		return fmt.Errorf("%w name %.80q: expected 1 to %d letters and digits, with '-', '_' or '.' between them", ErrInvalid, name, MaxName)
	}
	return nil
}

// check finds contradictions within a record: what it names has to be there.
func (t *Tenant) check() error {
	if err := CheckName(t.Name); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range t.Plugins {
		p := &t.Plugins[i]
		if seen[p.Name] {
			return fmt.Errorf("%w: two plugins are called %q", ErrInvalid, p.Name)
		}
		seen[p.Name] = true
		if err := p.check(); err != nil {
			return err
		}
	}
	for _, r := range t.Routes {
		if !seen[r.Plugin] {
			return fmt.Errorf("%w: the route %.80q leads to the plugin %.80q, which the tenant does not have", ErrInvalid, r.Pattern, r.Plugin)
		}
	}
	if t.Connect != "" && !seen[t.Connect] {
		return fmt.Errorf("%w: new sockets are decided about by the plugin %.80q, which the tenant does not have", ErrInvalid, t.Connect)
	}
	return nil
}

func (p *Plugin) check() error {
	if err := CheckName(p.Name); err != nil {
		return err
	}
	fault := func(format string, args ...any) error {
		return fmt.Errorf("%w: plugin %s: %s", ErrInvalid, p.Name, fmt.Sprintf(format, args...))
	}
	last := 0
	for _, v := range p.Versions {
		switch {
		case v.Seq <= last:
			return fault("version %d behind %d", v.Seq, last)
		case v.Digest == Digest{}:
			return fault("version %d has no module", v.Seq)
		}
		last = v.Seq
	}
	if last > p.Last {
		return fault("version %d is beyond the last number that was given, %d", last, p.Last)
	}
	for what, seq := range map[string]int{"active": p.Active, "canary": p.Canary} {
		if _, ok := p.Version(seq); seq != 0 && !ok {
			return fault("%s is version %d, which is not there", what, seq)
		}
	}
	switch {
	case p.Percent < 0 || p.Percent > 100 || (p.Canary != 0) != (p.Percent != 0):
		return fault("canary %d has %d percent", p.Canary, p.Percent)
	case len(p.Deploys) > MaxDeploys:
		return fault("%d deploys, at most %d", len(p.Deploys), MaxDeploys)
	}
	return nil
}

// encodeTenant checks a record and returns what is stored of it, if that has at most so
// many bytes as JSON.
func encodeTenant(t *Tenant, most int) ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return encode("record of "+t.Name, t.Name, t, most)
}

func decodeTenant(name string, sealed []byte) (t Tenant, err error) {
	if err := decode(name, sealed, &t); err != nil || t.Name != name {
		return Tenant{Name: name, Hosts: hostsIn(sealed)}, fmt.Errorf("%w: the record of the tenant %.80q", ErrDamaged, name)
	}
	return t, nil
}

// hostsIn are the names of hosts in a damaged record, if they stand before the damage.
func hostsIn(sealed []byte) (hosts []string) {
	d := json.NewDecoder(bytes.NewReader(sealed[min(sealSize, len(sealed)):]))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil
		}
		if key == "hosts" {
			if d.Decode(&hosts) != nil {
				return nil
			}
			return hosts
		}
		if d.Decode(new(json.RawMessage)) != nil {
			return nil
		}
	}
	return nil
}

// applied is the record after a change, and what is stored of it.
func applied(name string, before []byte, change *Change) (after Tenant, sealed []byte, err error) {
	if after, err = decodeTenant(name, before); err != nil {
		return Tenant{}, nil, err
	}
	revision, created := after.Revision, after.Created
	if change.Apply != nil {
		if err := change.Apply(&after); err != nil {
			return Tenant{}, nil, err
		}
	}
	after.Name, after.Revision, after.Created = name, revision+1, created
	most := MaxRecord
	if !change.Spare { // what is too large already may become smaller
		most = max(MaxRecord-SpareRecord, min(MaxRecord, len(before)-sealSize))
	}
	sealed, err = encodeTenant(&after, most)
	return after, sealed, err
}

// created is a new record, and what is stored of it.
func created(t *Tenant) (after Tenant, sealed []byte, err error) {
	after = *t
	after.Revision = 1
	if after.Created.IsZero() {
		after.Created = time.Now().UTC()
	}
	sealed, err = encodeTenant(&after, MaxRecord-SpareRecord)
	return after, sealed, err
}

// filled is an entry of a change with what the store knows.
func (e Entry) filled(tenant string, revision uint64) Entry {
	e.Tenant, e.Revision = tenant, revision
	if e.At.IsZero() {
		e.At = time.Now().UTC()
	}
	return e
}

// share is the name of the share of the log that the entry counts against, see [shares].
func (e Entry) share() string {
	if e.Own {
		return e.Tenant
	}
	return ""
}

// check holds an entry to its bound before a number is given.
func (e Entry) check() error {
	if e.Action == "" {
		return fmt.Errorf("%w: an entry of the audit log without an action", ErrInvalid)
	}
	if e.Tenant != "" {
		if err := CheckName(e.Tenant); err != nil {
			return err
		}
	}
	_, err := encode("entry of the audit log", "", e, MaxEntry)
	return err
}

// encode returns a value as JSON behind a checksum that covers its key as well, so
// that bytes that have changed, or come from elsewhere, are noticed.
func encode(what, key string, v any, most int) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: the %s: %v", ErrInvalid, what, err)
	}
	if len(text) > most {
		return nil, fmt.Errorf("%w: the %s has %d bytes, at most %d", ErrTooLarge, what, len(text), most)
	}
	sealed := binary.BigEndian.AppendUint32(make([]byte, 0, sealSize+len(text)), checksum(key, text))
	return append(sealed, text...), nil
}

// sealSize is how long the checksum is in bytes.
const sealSize = 4

// decode is the inverse of encode.
func decode(key string, sealed []byte, v any) error {
	if len(sealed) < sealSize || binary.BigEndian.Uint32(sealed) != checksum(key, sealed[sealSize:]) {
		return ErrDamaged
	}
	return json.Unmarshal(sealed[sealSize:], v)
}

func checksum(key string, text []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum([]byte(key), table), table, text)
}
