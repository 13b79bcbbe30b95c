// Package extjson renders the ext.json that WeChat's commit takes: one strict
// template for all apps, filled in with each app's columns of the app list.
package extjson
