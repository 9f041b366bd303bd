# frozen_string_literal: true

# The official Ruby SDK as a testee: `ce conformance run -- ruby adapter.rb`.
#
# It answers with what the SDK does, through the SDK's public API, and decides nothing.

require "base64"
require "cloud_events"
require "cloud_events/version"
require "json"
require "net/http"
require "stringio"

START = {
  version: 1,
  implementation: { name: "cloud_events (Ruby SDK)", version: CloudEvents::VERSION, language: "Ruby", adapter: "1.5" },
  capabilities: {
    specversions: ["1.0", "0.3"], spec: ["1.0.2"], formats: ["json", "json-batch"], bindings: ["http", "kafka"],
    ops: ["decode", "encode"], payloads: ["json", "text", "binary"]
  }
}.freeze

# The SDK has no such thing, or cannot be given the input.
class Unsupported < StandardError; end

# The SDK's API cannot be given this part of the request.
class Ungiven < StandardError
  attr_reader :input

  def initialize(reason, input)
    super(reason)
    @input = input
  end
end

HTTP = CloudEvents::HttpBinding.default
KAFKA = CloudEvents::KafkaBinding.default
STRUCTURED = { "json" => "application/cloudevents+json", "json-batch" => "application/cloudevents-batch+json" }.freeze

def decode(request)
  raise Unsupported, "the SDK has no lenient mode" if request["strictness"] == "lenient"

  message, mode = request["message"], nil
  case request["via"]
  when "json", "json-batch"
    content_type = STRUCTURED.fetch(request["via"])
    decoded = HTTP.decode_event({ "REQUEST_METHOD" => "POST", "CONTENT_TYPE" => content_type, "rack.input" => StringIO.new(octets(message["body"])) })
  when "http"
    # Rack has one name for ce_id and ce-id, so that the SDK cannot be given the former. Servers leave it out, or take it for the latter.
    raise Ungiven.new("Rack has no header with an underscore", "message") if message["headers"].any? { |name, _| name.match?(/\Ace_/i) }

    env = rack(message["headers"], octets(message["body"]))
    mode = "binary" if env.key?("HTTP_CE_SPECVERSION")
    decoded = HTTP.decode_event(env)
  when "kafka"
    # As ruby-kafka and rdkafka hand headers over: a hash with the last value of each name.
    headers = message["headers"].to_h { |name, value| [name, value && octets(value).force_encoding("UTF-8")] }
    mode = "binary" if headers["content-type"].to_s !~ /\Aapplication\/cloudevents/i
    decoded = KAFKA.decode_event({ key: message["key"] && octets(message["key"]), headers: headers, value: message["value"] && octets(message["value"]) })
  else raise Unsupported, "no #{request['via']}"
  end
  mode ||= decoded.is_a?(Array) ? "batched" : "structured"
  events = [decoded].flatten.map { |event| tagged(event, mode, request["via"]) }
  mode == "binary" ? { mode: mode, events: events } : { mode: mode, format: "json", events: events }
end

def encode(request)
  raise Unsupported, "no such format or option" if request.fetch("format", "json") != "json" || request["options"]

  via, mode = request["via"], request["mode"]
  events = request["events"].map { |event| event(event) }
  batched = mode == "batched" || via == "json-batch"
  # An array under `structured_format` is a batch of HTTP.
  raise Ungiven.new("the API writes several events as a batch", "mode") if via == "http" && mode == "structured" && events.length != 1

  structured = mode == "structured" || batched || via.start_with?("json")
  given = batched || events.length > 1 ? events : events.first
  case via
  when "json", "json-batch" then { message: { body: bytes(HTTP.encode_event(given, structured_format: true).last) } }
  when "http"
    headers, body = HTTP.encode_event(given, structured_format: structured)
    Net::HTTP::Post.new("/", headers) # It refuses line breaks.
    fields = headers.map { |name, value| [name, value.dup.force_encoding("ISO-8859-1").encode("UTF-8")] }
    { message: { headers: fields, body: bytes(body.to_s) } }
  when "kafka"
    raise Ungiven.new("the SDK has no batches of Kafka", "mode") if batched

    record = KAFKA.encode_event(given, structured_format: structured)
    fields = record[:headers].map { |name, value| [name, bytes(value)] }
    { message: { key: record[:key] && bytes(record[:key]), headers: fields, value: record[:value] && bytes(record[:value]) } }
  else raise Unsupported, "no #{via}"
  end
end

def octets(tagged)
  return +"" if tagged.nil?

  tagged.key?("text") ? tagged["text"].b : Base64.strict_decode64(tagged["base64"])
end

def bytes(value)
  text = value.dup.force_encoding("UTF-8")
  text.valid_encoding? && text !~ /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\u009f]/ ? { text: text } : { base64: Base64.strict_encode64(value) }
end

# A request as Rack hands it over: names in capitals, one value with commas for a name that is there twice.
def rack(headers, body)
  (headers || []).each_with_object({ "REQUEST_METHOD" => "POST", "rack.input" => StringIO.new(body) }) do |(name, value), env|
    key = name.upcase.tr("-", "_")
    key = "HTTP_#{key}" unless key == "CONTENT_TYPE"
    value = value.encode("ISO-8859-1").b.gsub(/\A[ \t]+|[ \t]+\z/, "")
    env[key] = env.key?(key) ? "#{env[key]},#{value}" : value
  end
end

def event(from)
  # A Binary is given as its canonical string, base64, as the SDK holds every attribute as text.
  attributes = from["attributes"].transform_values { |tagged| tagged["value"] }
  attributes["specversion"] = from["specversion"]
  CloudEvents::Event.create(spec_version: from["specversion"], set_attributes: attributes.merge(payload(from)))
end

# Payloads are given encoded where the SDK takes that; text without a content type only decoded, 0.3 has no other way.
def payload(from)
  kind, value = (from["data"] || {}).first
  return {} if kind.nil?
  raise Unsupported, "no payloads of the kind #{kind}" unless %w[json text binary].include?(kind)

  value = Base64.strict_decode64(value) if kind == "binary"
  return { "data_encoded" => value } if from["specversion"] != "0.3" && (kind != "text" || from["attributes"].key?("datacontenttype"))

  { "data" => kind == "json" ? JSON.parse(value) : value }
end

# The SDK holds attributes as text. Those of the specification have the type that their names have.
TYPES = {
  "0.3" => { "source" => "URI-reference", "schemaurl" => "URI-reference", "time" => "Timestamp" },
  "1.0" => { "source" => "URI-reference", "dataschema" => "URI", "time" => "Timestamp" }
}.freeze

# Octets that are no text are shown as octets, as they are for payloads. Of what the SDK calls UTF-8 and is not, JSON can only have the rest.
def attribute(type, value)
  text = value.dup.force_encoding("UTF-8")
  return { type: "Binary", value: Base64.strict_encode64(value) } if value.encoding == Encoding::BINARY && !text.valid_encoding?

  { type: type, value: text.scrub }
end

def tagged(event, mode, via)
  held = event.to_h.except("specversion", "data", "data_encoded")
  types = TYPES[event.is_a?(CloudEvents::Event::V1) ? "1.0" : "0.3"]
  attributes = held.to_h { |name, value| [name, attribute(types.fetch(name, "String"), value)] }
  shown = { specversion: event.spec_version, attributes: attributes }
  data, type = event.data, event.data_content_type
  json = type && (type.subtype_base == "json" || type.subtype_format == "json")
  decoded = event.is_a?(CloudEvents::Event::V1) ? event.data_decoded? : mode != "binary"
  if data.is_a?(String) && json && decoded && data.encoding == Encoding::BINARY
    # What JSON text is parsed into is UTF-8: these are the bytes of data_base64.
    shown[:data] = { binary: Base64.strict_encode64(data) }
  elsif json && decoded && !(data.nil? && event.is_a?(CloudEvents::Event::V0))
    # What the SDK keeps encoded has the digits that the decoded value may have lost.
    shown[:data] = { json: (event.data_encoded if event.respond_to?(:data_encoded)) || JSON.dump(data) }
    # Beyond the range of doubles; JSON cannot write it.
    shown[:data] = { json: data.positive? ? "1e999" : "-1e999" } if data.is_a?(Float) && data.infinite?
  elsif data && !(data.empty? && type.nil? && via == "http")
    text = data.dup.force_encoding("UTF-8")
    binary = !type.nil? && type.media_type != "text" && data.encoding == Encoding::BINARY || !text.valid_encoding?
    shown[:data] = binary ? { binary: Base64.strict_encode64(data) } : { text: text }
  end
  shown
end

$stdin.each_line do |line|
  request = JSON.parse(line)
  break if request["cmd"] == "stop"

  answer = START
  unless request["cmd"] == "start"
    begin
      answer = { seq: request["seq"], result: request["op"] == "decode" ? decode(request) : encode(request) }
    rescue Unsupported => error
      answer = { seq: request["seq"], unsupported: error.message }
    rescue Ungiven => error
      answer = { seq: request["seq"], unsupported: error.message, input: error.input }
    rescue StandardError => error
      answer = { seq: request["seq"], error: { kind: error.class.name.split("::").last, message: error.message.scrub } }
    end
  end
  puts JSON.generate(answer)
  $stdout.flush
end
