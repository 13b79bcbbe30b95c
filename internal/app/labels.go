package app

// endpoints are the calls that a worker makes. Each has a rate of its own and series from the start;
// metrics count the calls of an operator's commands under metrics.Other.
var endpoints = []string{
	"/cgi-bin/component/api_authorizer_token",
	"/cgi-bin/component/api_component_token",
	"/cgi-bin/component/api_create_preauthcode",
	"/cgi-bin/component/api_get_authorizer_info",
	"/cgi-bin/component/api_get_authorizer_list",
	"/cgi-bin/component/api_query_auth",
	"/cgi-bin/component/api_start_push_ticket",
	"/cgi-bin/openapi/quota/get",
	"/wxa/addtotemplate",
	"/wxa/commit",
	"/wxa/deletetemplate",
	"/wxa/get_auditstatus",
	"/wxa/get_category",
	"/wxa/get_latest_auditstatus",
	"/wxa/get_page",
	"/wxa/getgrayreleaseplan",
	"/wxa/gettemplatedraftlist",
	"/wxa/gettemplatelist",
	"/wxa/getversioninfo",
	"/wxa/grayrelease",
	"/wxa/queryquota",
	"/wxa/release",
	"/wxa/revertcoderelease",
	"/wxa/revertgrayrelease",
	"/wxa/security/get_code_privacy_info",
	"/wxa/speedupaudit",
	"/wxa/submit_audit",
	"/wxa/undocodeaudit",
}
