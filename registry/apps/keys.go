package apps

// Key names. All share one hash tag: an app joins the registry, the queue of apps to
// read and that of newcomers in one step.
const (
	root         = "wxr:{apps}:"
	keyApps      = root + "app"       // HASH appid -> record, JSON
	keyUnread    = root + "unread"    // ZSET appid by when WeChat may be asked about it (unix s)
	keyNew       = root + "new"       // ZSET appid by when it authorized (unix s): for the baseline
	keySync      = root + "sync"      // HASH of the sync under way and of the last one
	keyBase      = root + "baseline"  // HASH of the baseline
	keyBatch     = root + "batch"     // SET of appids the baseline took and has not handed on
	keyCreations = root + "creations" // HASH "kind:id" -> app creation, JSON
	keyActions   = root + "log"       // LIST of operator actions, JSON, newest first
)
