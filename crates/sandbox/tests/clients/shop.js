// Drives the npm package `seoshop-api` against a simulated shop: node shop.js FOLDER PORT KEY SECRET
//
// The package knows one host, over TLS, and hands its second argument to fetch. The agent below is such an argument: it
// lets the connection end at the simulator's port, in plain text, since TLS is not what is shown here.
'use strict'

const assert = require('node:assert/strict')
const https = require('node:https')
const net = require('node:net')
const { createRequire } = require('node:module')

const [folder, port, key, secret] = process.argv.slice(2)
const open = createRequire(`${folder}/`)('seoshop-api')

class ToSimulator extends https.Agent {
  createConnection () {
    return net.connect(Number(port), '127.0.0.1')
  }
}
const agent = new ToSimulator()

// Version 0.2.0 forgets the `@` between the pair and the host, so its callers must end the secret with it.
const shop = open(key, `${secret}@`, 'nl')

async function call (client, path, options = {}) {
  const answer = await client(path, { agent, ...options })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, text, json: text ? JSON.parse(text) : undefined }
}

const get = (path) => call(shop, path)

function send (method, path, value) {
  const body = value && JSON.stringify(value)
  return call(shop, path, { method, body, headers: { 'content-type': 'application/json' } })
}

// The package ends every path with `.json`, so a query comes before a parameter that takes the ending.
const list = (path, query) => get(`${path}.json?${query}&ending=`)

async function creates () {
  const ids = []
  for (const name of ['anna', 'bram', 'carla', 'daan', 'els']) {
    const customer = {
      isConfirmed: true, email: `${name}@example.org`, firstname: name, lastname: 'Voorbeeld', password: 'geheim-1234'
    }
    const answer = await send('POST', 'customers', { customer })
    assert.equal(answer.status, 201, answer.text)
    assert.equal(answer.json.customer.email, customer.email)
    ids.push(answer.json.customer.id)
  }
  // The guest of the order is a customer too.
  assert.deepEqual((await get('customers/count')).json, { count: 6 })
  return ids
}

async function readsPages (ids) {
  const seen = []
  for (let page = 1; ; page++) {
    const { customers } = (await list('customers', `limit=2&page=${page}`)).json
    assert.ok(customers.length <= 2)
    if (customers.length === 0) break
    seen.push(...customers.map((customer) => customer.id))
  }
  assert.equal(new Set(seen).size, 6)
  assert.ok(ids.every((id) => seen.includes(id)))
  const found = (await list('customers', 'email=carla%40example.org&fields=id,email')).json.customers
  assert.deepEqual(found, [{ id: ids[2], email: 'carla@example.org' }])
}

async function changesAndDeletes ([id]) {
  const changed = await send('PUT', `customers/${id}`, { customer: { lastname: 'Anders' } })
  assert.equal(changed.status, 200, changed.text)
  const { customer } = (await get(`customers/${id}`)).json
  assert.deepEqual([customer.firstname, customer.lastname], ['anna', 'Anders'])
  const gone = await send('DELETE', `customers/${id}`)
  assert.deepEqual([gone.status, gone.text], [204, ''])
  const missing = await get(`customers/${id}`)
  assert.deepEqual([missing.status, missing.json.error.code], [404, 404])
  assert.equal((await get('customers/count')).json.count, 5)
}

async function followsAnOrder () {
  const { orders } = (await get('orders')).json
  assert.equal(orders.length, 1)
  // The links of a record are meant for this: a path without host, language and ending.
  const rows = (await get(orders[0].products.resource.url)).json.orderProducts
  assert.equal(rows.length, 2)
  const buyer = (await get(orders[0].customer.resource.url)).json.customer
  assert.equal(buyer.type, 'guest')
}

async function registersAWebhook () {
  const webhook = {
    isActive: false, itemGroup: 'orders', itemAction: 'created', language: 'nl', format: 'json', address: 'https://hooks.example.org/in'
  }
  const made = await send('POST', 'webhooks', { webhook })
  assert.equal(made.status, 201, made.text)
  assert.equal((await get('webhooks')).json.webhooks.length, 1)
  assert.equal((await send('DELETE', `webhooks/${made.json.webhook.id}`)).status, 204)
}

async function isRefused () {
  const stranger = await call(open(key, 'wrong@', 'nl'), 'account')
  assert.deepEqual([stranger.status, stranger.json.error.message], [401, 'Could not authenticate you.'])
  const foreign = await call(open(key, `${secret}@`, 'xx'), 'shop')
  assert.deepEqual([foreign.status, foreign.json.error.code], [404, 404])
  const empty = await send('POST', 'customers', { customer: { email: 'niemand@example.org' } })
  assert.deepEqual([empty.status, empty.json.error.message], [400, 'Invalid data input'])
  const twice = { email: 'bram@example.org', firstname: 'Bram', lastname: 'Tweede', password: 'geheim-1234' }
  assert.equal((await send('POST', 'customers', { customer: twice })).status, 422)
}

async function meetsTheLimit () {
  const first = await get('account')
  const left = Number(first.headers.get('x-ratelimit-remaining').split('/')[0])
  assert.ok(left > 0 && left < 100, `${left} calls are left`)
  for (let n = left; n > 0; n--) assert.equal((await get('account')).status, 200)
  const over = await get('account')
  assert.deepEqual([over.status, over.json.error.code], [429, 429])
  assert.equal(over.headers.get('x-ratelimit-remaining').split('/')[0], '-1')
}

async function main () {
  const ids = await creates()
  await readsPages(ids)
  await changesAndDeletes(ids)
  await followsAnOrder()
  await registersAWebhook()
  await isRefused()
  await meetsTheLimit()
  agent.destroy()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
