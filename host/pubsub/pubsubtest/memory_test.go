package pubsubtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/pubsub/pubsubtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	pubsubtest.TestAdapter(t, func(testing.TB) pubsubtest.Link { return new(pubsubtest.Memory).Link() })
}
