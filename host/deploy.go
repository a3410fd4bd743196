package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/tenant"
)

// Deployment says what became of a [Host.Deploy].
type Deployment struct {
	// Version is what logs call the new version, such as "foods@2".
	Version string
	// Previous is the version that it replaced.
	Previous string
	// Moved is the number of channels that follow the new version.
	Moved int
	// Stayed is the number of channels whose upgrade failed: they stay with the
	// old version until they end, or until another version takes them over.
	Stayed int
}

var (
	// ErrNotServed is returned by Deploy when the plugin that is to be replaced is
	// not, or no longer, what the host serves.
	ErrNotServed = errors.New("host: this plugin is not being served, so it cannot be replaced")
	// ErrNoConnect is returned when the plugin that is to decide about new sockets
	// has no connect callback.
	ErrNoConnect = tenant.ErrNoConnect
)

// Deploy replaces a plugin by its next version while clients are connected. New
// joins go to next at once; each channel that is joined moves between two of its
// messages: its upgrade callback runs if the new version has one, and assigns,
// timers and subscriptions are kept. No socket is closed, and no message lost,
// handled twice or overtaken. What the old version holds is freed when its last
// channel is gone.
//
// old is one of the plugins of the host's configuration, or the next of an
// earlier Deploy. A name of next is optional and must be that of old. One deploy
// runs at a time, others wait.
//
// After an error nothing has changed, unless it is that of ctx: when ctx ends
// while channels are moving, new joins go to next all the same, and channels that
// have not moved yet stay until the following Deploy. A module that cannot be
// served is a [*wasm.ModuleError].
func (h *Host) Deploy(ctx context.Context, old, next *Plugin) (Deployment, error) {
	select {
	case h.deploying <- struct{}{}:
		defer func() { <-h.deploying }()
	case <-ctx.Done():
		return Deployment{}, ctx.Err()
	}
	was, ok := h.plugins[old]
	if !ok {
		return Deployment{}, ErrNotServed
	}
	if _, ok := h.plugins[next]; ok {
		return Deployment{}, errors.New("host: the next version is being served already")
	}
	if next.Name != "" && next.Name != was.name {
		return Deployment{}, fmt.Errorf("host: the next version of %q cannot be called %q", was.name, next.Name)
	}
	made, err := h.compile(ctx, next, was.name, was.seq+1)
	if err != nil {
		return Deployment{}, err
	}
	if old == h.connect && !h.cfg.ConnectOptional && made.Traits().Callbacks&channel.CallbackConnect == 0 {
		return Deployment{}, errors.Join(fmt.Errorf("host: %s: %w", was.name, ErrNoConnect), made.Close(ctx))
	}
	moved, err := h.tenant.Replace(ctx, was.Plugin, made, func() {
		// Nothing calls it any more, so this waits for nothing.
		if err := was.Close(context.Background()); err != nil {
			h.log.Error("an old version could not be freed", "plugin", was.Traits().Name, "err", err)
		}
	})
	delete(h.plugins, old)
	h.plugins[next] = served{made, was.name, was.seq + 1}
	if old == h.connect {
		h.connect = next
	}
	return Deployment{
		Version: made.Traits().Name, Previous: was.Traits().Name, Moved: moved.Channels, Stayed: moved.Stayed,
	}, err
}
