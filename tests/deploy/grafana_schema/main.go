// Decodes dashboards and rule groups strictly, by Grafana's published schema.
//
// Arguments: files named *.dashboard.json or *.rules.json. Prints each error; ends with 1 if there is one.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/alerting"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	// Without it the options of panels are not looked at.
	plugins.RegisterDefaultPlugins()
	failed := false
	for _, path := range os.Args[1:] {
		raw, err := os.ReadFile(path)
		if err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		var found error
		if strings.HasSuffix(path, ".rules.json") {
			group := alerting.NewRuleGroup()
			found = group.UnmarshalJSONStrict(raw)
		} else {
			board := dashboard.NewDashboard()
			found = board.UnmarshalJSONStrict(raw)
		}
		// A typed nil is no error, so the errors are counted.
		var all cog.BuildErrors
		if errors.As(found, &all) && len(all) > 0 {
			failed = true
			for _, one := range all {
				fmt.Printf("%s: %s\n", path, one)
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}
