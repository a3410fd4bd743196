package longpoll_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
	"github.com/chhost/chhost/host/transport/transporttest"
)

func TestContract(t *testing.T) {
	transporttest.Test(t, transporttest.Adapter{
		New: func(cfg transporttest.Config) socket.Transport {
			return longpoll.New(longpoll.Config{Accept: cfg.Accept, CheckOrigin: cfg.CheckOrigin, MaxFrame: cfg.MaxFrame, Logger: cfg.Logger})
		},
		Dial: func(ctx context.Context, url, vsn string, header http.Header) (transporttest.Client, error) {
			return phxclient.Dial(ctx, url, phxclient.Options{LongPoll: true, Version: vsn, OmitVersion: vsn == "", Header: header})
		},
		Idle:    func(t socket.Transport) { t.(*longpoll.Transport).Tick() },
		NoBytes: true,
	})
}
