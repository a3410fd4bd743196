package tenant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/wasm"
)

// Upload is a module that is to become a version of a plugin.
type Upload struct {
	Request
	// Plugin is its plugin's name. The first upload of a name makes the plugin.
	Plugin string
	// Module is the module in the WebAssembly binary format.
	Module []byte
	// Settings replace the plugin's, if they are not nil: what its versions read by
	// config_get, also in the trial.
	Settings map[string]string
}

// VersionInfo is what is known of a version.
type VersionInfo struct {
	// Name is what logs call it, such as "foods@7".
	Name string
	registry.Version
	// Active, Canary and Loaded tell whether it is served, and compiled.
	Active, Canary, Loaded bool
	// Module is what the module says of itself, after an upload.
	Module wasm.ModuleInfo
	// Callbacks are the names of those that the host calls, after an upload.
	Callbacks []string
	// CompileTime is how long check, compilation and trial took in an upload; of a module
	// that was known, nothing.
	CompileTime time.Duration
	// Known: the upload is a module that this plugin had a version of, which this is.
	Known bool
}

// Upload checks and compiles a module, starts one instance of it as a trial, and then
// stores it as the next version of its plugin. It is not served before a [Tenant.Deploy].
// A module that the plugin has as a version already is that version. A module that
// cannot be served is a [*wasm.ModuleError]; other errors are [ErrQuota], [ErrInvalid],
// that of the store, or ctx's. After an error nothing has changed.
func (t *Tenant) Upload(ctx context.Context, u Upload) (VersionInfo, error) {
	if t.estate == nil {
		return VersionInfo{}, errNotStored
	}
	if err := errors.Join(checkPluginName(u.Plugin), t.Damage()); err != nil {
		return VersionInfo{}, err
	}
	if err := wasm.CheckSettings(u.Settings); err != nil {
		return VersionInfo{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	digest := registry.DigestOf(u.Module)
	record := t.Record()
	if v := known(record.Plugin(u.Plugin), digest); v != nil && u.Settings == nil {
		return t.info(u.Plugin, *v, true), nil
	}
	// What is refused when it is stored should not have been compiled.
	if err := t.checkRoom(&record, u.Plugin, int64(len(u.Module))); err != nil {
		return VersionInfo{}, err
	}
	made, err := t.try(ctx, u, &record)
	if err != nil {
		return VersionInfo{}, err
	}
	var v registry.Version
	var again bool
	entry := registry.Entry{Action: "upload", Detail: u.Plugin + " " + digest.Short()}
	if err := t.estate.turn.take(ctx); err != nil {
		return VersionInfo{}, err
	}
	defer t.estate.turn.leave()
	_, err = t.alter(ctx, u.Request, registry.Change{Modules: [][]byte{u.Module}, Entry: entry}, func(r *registry.Tenant) error {
		p := r.Plugin(u.Plugin)
		if p != nil && u.Settings != nil {
			p.Settings = u.Settings
		}
		if old := known(p, digest); old != nil {
			v, again = *old, true
			return nil
		}
		if err := t.checkRoom(r, u.Plugin, int64(len(u.Module))); err != nil {
			return err
		}
		v, again = r.AddVersion(u.Plugin, registry.Version{Digest: digest, Size: int64(len(u.Module)), Uploaded: time.Now(), By: u.By}), false
		p = r.Plugin(u.Plugin)
		if u.Settings != nil {
			p.Settings = u.Settings
		}
		p.Retain(int(limitOf(r, limitVersions)))
		return nil
	})
	if err != nil {
		return VersionInfo{}, err
	}
	info := t.info(u.Plugin, v, again)
	info.Module, info.Callbacks, info.CompileTime = wasm.InspectModule(u.Module), made.callbacks, made.took
	return info, nil
}

// trial is what came of one.
type trial struct {
	took      time.Duration
	callbacks []string
}

// try compiles a module and runs one instance of it, as the next version of its plugin.
func (t *Tenant) try(ctx context.Context, u Upload, record *registry.Tenant) (trial, error) {
	seq, settings := 1, u.Settings
	if known := record.Plugin(u.Plugin); known != nil {
		seq = known.Last + 1
		if settings == nil {
			settings = known.Settings
		}
	}
	return t.tryAs(ctx, t.module(u.Plugin, seq, u.Module, settings))
}

func (t *Tenant) tryAs(ctx context.Context, module wasm.Module) (trial, error) {
	began := time.Now()
	made, err := t.estate.dir.cfg.Engine.Compile(ctx, module)
	if err != nil {
		return trial{}, err
	}
	done := trial{took: time.Since(began)}
	for cb := channel.CallbackJoin; cb != 0; cb <<= 1 {
		if made.Traits().Callbacks&cb != 0 {
			done.callbacks = append(done.callbacks, cb.String())
		}
	}
	return done, made.Close(ctx)
}

// info is what is known of a stored version.
func (t *Tenant) info(plugin string, v registry.Version, again bool) VersionInfo {
	info := VersionInfo{Name: fmt.Sprintf("%s@%d", plugin, v.Seq), Version: v, Known: again}
	p, err := t.find(plugin)
	if err != nil {
		return info
	}
	if s := p.serving.Load(); s != nil {
		info.Active = s.active.stored.Seq == v.Seq
		info.Canary = s.canary != nil && s.canary.stored.Seq == v.Seq
	}
	if live := p.version(v.Seq); live != nil {
		info.Loaded = live.code.Load() != nil
	}
	return info
}

// checkPluginName holds a plugin's name against what logs and addresses can carry.
func checkPluginName(name string) error {
	if isName(name, "-_") {
		return nil
	}
	return fmt.Errorf("%w: a plugin's name consists of up to 64 lower case letters, digits, - and _, and begins with a letter or digit", ErrInvalid)
}

// isName tells whether s consists of lower case letters, digits and, but for the first
// one, these others, and is not long.
func isName(s, others string) bool {
	for i, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && strings.IndexByte(others, c) >= 0 {
			continue
		}
		return false
	}
	return s != "" && len(s) <= 64
}

// known returns the newest version that is this module, or nil.
func known(p *registry.Plugin, d registry.Digest) *registry.Version {
	if p == nil {
		return nil
	}
	for i := len(p.Versions) - 1; i >= 0; i-- {
		if p.Versions[i].Digest == d {
			return &p.Versions[i]
		}
	}
	return nil
}
