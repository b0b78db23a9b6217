module modelfleet.dev/test/pause

go 1.25.0
