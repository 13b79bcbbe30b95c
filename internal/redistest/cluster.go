package redistest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

// slots is how many hash slots a Redis Cluster has.
const slots = 16384

// Cluster starts three masters without replicas, each with a third of the
// slots, and returns a client of the whole once every node says the cluster
// is ok. It shows a script whose keys do not share a hash tag (CROSSSLOT).
func Cluster(t testing.TB) *redis.ClusterClient {
	t.Helper()
	const n = 3
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var (
		nodes [n]*redis.Client
		addrs []string
		meet  []any // the command that joins a node to the first
	)
	for i := range nodes {
		bus := proctest.FreePort(t)
		srv := Start(t, Config(
			"cluster-enabled yes",
			fmt.Sprintf("cluster-port %d", bus),
			"cluster-config-file nodes.conf",
			"cluster-node-timeout 5000",
		))
		nodes[i] = srv.Client(t)
		addrs = append(addrs, srv.Addr())
		lo, hi := i*slots/n, (i+1)*slots/n-1
		if err := nodes[i].ClusterAddSlotsRange(ctx, lo, hi).Err(); err != nil {
			t.Fatalf("give node %d its slots: %v", i, err)
		}
		if i == 0 {
			meet = []any{"CLUSTER", "MEET", "127.0.0.1", srv.port, bus}
			continue
		}
		if err := nodes[i].Do(ctx, meet...).Err(); err != nil {
			t.Fatalf("join node %d: %v", i, err)
		}
	}
	for i, node := range nodes {
		if err := waitCluster(ctx, node); err != nil {
			t.Fatalf("wait for node %d: %v", i, err)
		}
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { closeClient(t, c) })
	return c
}

// waitCluster asks until the node knows all slots to be served.
func waitCluster(ctx context.Context, node *redis.Client) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := node.ClusterInfo(ctx).Result()
		if err == nil && strings.Contains(info, "cluster_state:ok") &&
			strings.Contains(info, "cluster_known_nodes:3") {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last state: %s (%w)", ctx.Err(), info, err)
		case <-tick.C:
		}
	}
}
