// Asks your backend for a pre-auth code and opens WeChat's page of authorization inside this mini program.
const provider = requirePlugin('provider')

// Your backend: it runs `enqueue apps authorize-link` for the merchant that is logged in, and answers with
// {platform, code, app}: component_appid and pre_auth_code of the link, and the merchant's appid if it is known.
const backend = 'https://your.host/join'

function ask(path) {
  return new Promise((resolve, reject) => {
    wx.request({
      url: backend + path,
      method: 'POST',
      success: ({statusCode, data}) => (statusCode === 200 ? resolve(data) : reject(new Error('the server answered ' + statusCode))),
      fail: ({errMsg}) => reject(new Error(errMsg)),
    })
  })
}

Page({
  data: {asking: false, done: false, last error: ''},

  onLoad() {
    provider.init(wx)
  },

  // The merchant comes back here from WeChat's page, whatever they did there. Only the platform knows: its worker
  // heard the push `authorized`.
  async onShow() {
    if (!this.left) return
    this.left = false
    try {
      const {authorized} = await ask('/state')
      this.setData({done: authorized, last error: authorized ? '' : 'Not authorized yet. You can try again.'})
    } catch (e) {
      this.setData({last error: e.message})
    }
  },

  async join() {
    this.setData({asking: true, last error: ''})
    try {
      const {platform, code, app} = await ask('/code')
      this.left = true
      provider.openAuthorizeAccount({
        platformAppID: platform,
        preAuthCode: code,
        authType: 2, // mini programs only
        ...(app ? {bizAppid: app} : {}),
      })
    } catch (e) {
      this.left = false
      this.setData({last error: e.message})
    }
    this.setData({asking: false})
  },
})
