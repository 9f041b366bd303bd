import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cloudevents.CloudEvent;
import io.cloudevents.CloudEventData;
import io.cloudevents.SpecVersion;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.format.EventFormat;
import io.cloudevents.core.message.Encoding;
import io.cloudevents.core.message.MessageReader;
import io.cloudevents.core.provider.EventFormatProvider;
import io.cloudevents.http.HttpMessageFactory;
import io.cloudevents.jackson.JsonCloudEventData;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.KafkaMessageFactory;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;

/**
 * The official Java SDK as a testee: {@code ce conformance run -- java -cp 'lib/*' Adapter.java}.
 *
 * <p>It answers with what the SDK does, through the SDK's public API, and decides nothing.
 */
public final class Adapter {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Map<String, String> FORMATS = Map.of("json", JsonFormat.CONTENT_TYPE, "protobuf", "application/cloudevents+protobuf");

    static final class Unsupported extends RuntimeException {
        /** What of the request the API cannot be given; null where the SDK has nothing of the kind. */
        final String input;

        Unsupported(String reason) { this(reason, null); }

        Unsupported(String reason, String input) {
            super(reason);
            this.input = input;
        }
    }

    public static void main(String[] arguments) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null; ) {
            JsonNode request = JSON.readTree(line);
            if (request.path("cmd").asText().equals("stop")) return;
            out.println(JSON.writeValueAsString(request.path("cmd").asText().equals("start") ? start() : answer(request)));
            out.flush();
        }
    }

    static Object start() {
        String version = System.getProperty("sdk.version", "4.0.1");
        return Map.of("version", 1, "implementation", Map.of("name", "cloudevents (Java SDK)", "version", version, "language", "Java", "adapter", "1.4"),
            "capabilities", Map.of("specversions", List.of("1.0", "0.3"), "spec", List.of("1.0.2"), "formats", List.of("json", "protobuf"),
                "bindings", List.of("http", "kafka"), "options", List.of("key"), "ops", List.of("decode", "encode"), "payloads", List.of("json", "binary"),
                "uncovered", List.of("amqp", "xml", "sql")));
    }

    static Object answer(JsonNode request) {
        var answer = new LinkedHashMap<String, Object>();
        answer.put("seq", request.get("seq"));
        try {
            answer.put("result", switch (request.path("op").asText()) {
                case "decode" -> decode(request);
                case "encode" -> encode(request);
                default -> throw new Unsupported("no such operation");
            });
        } catch (Unsupported reason) {
            answer.put("unsupported", reason.getMessage());
            if (reason.input != null) answer.put("input", reason.input);
        } catch (Exception error) {
            answer.put("error", new TreeMap<>(Map.of("kind", error.getClass().getSimpleName(), "message", String.valueOf(error.getMessage()))));
        }
        return answer;
    }

    static Object decode(JsonNode request) throws Exception {
        byte[] body = octets(request.path("message").path("body"));
        String via = request.path("via").asText();
        var result = new LinkedHashMap<String, Object>();
        CloudEvent event;
        if (FORMATS.containsKey(via)) {
            event = format(via).deserialize(body);
            result.put("mode", "structured");
            result.put("format", via);
        } else if (via.equals("http")) {
            // As an HTTP library hands headers over: values without the white space around them, repeated ones in a list.
            var headers = new LinkedHashMap<String, List<String>>();
            for (JsonNode field : request.path("message").path("headers")) {
                headers.computeIfAbsent(field.get(0).asText(), name -> new ArrayList<>()).add(field.get(1).asText().replaceAll("^[ \t]+|[ \t]+$", ""));
            }
            MessageReader reader = HttpMessageFactory.createReaderFromMultimap(headers, body);
            event = reader.toEvent();
            boolean structured = reader.getEncoding() == Encoding.STRUCTURED;
            result.put("mode", structured ? "structured" : "binary");
            if (structured) result.put("format", headers.toString().contains("+protobuf") ? "protobuf" : "json");
        } else if (via.equals("kafka")) {
            var headers = new RecordHeaders();
            for (JsonNode field : request.path("message").path("headers")) headers.add(field.get(0).asText(), optional(field.get(1)));
            MessageReader reader = KafkaMessageFactory.createReader(headers, optional(request.path("message").path("value")));
            event = reader.toEvent();
            boolean structured = reader.getEncoding() == Encoding.STRUCTURED;
            result.put("mode", structured ? "structured" : "binary");
            if (structured) {
                Header type = headers.lastHeader("content-type");
                result.put("format", new String(type.value(), StandardCharsets.UTF_8).contains("+protobuf") ? "protobuf" : "json");
            }
        } else {
            throw new Unsupported("no " + via);
        }
        result.put("events", List.of(tagged(event)));
        return result;
    }

    static Object tagged(CloudEvent event) throws Exception {
        var attributes = new LinkedHashMap<String, Object>();
        for (String name : event.getAttributeNames()) {
            if (!name.equals("specversion") && event.getAttribute(name) != null) attributes.put(name, typed(event.getAttribute(name), name));
        }
        for (String name : event.getExtensionNames()) attributes.put(name, typed(event.getExtension(name), name));
        var shown = new LinkedHashMap<String, Object>(Map.of("specversion", event.getSpecVersion().toString(), "attributes", attributes));
        CloudEventData data = event.getData();
        if (data instanceof JsonCloudEventData json) {
            // What is beyond the range of doubles is infinity, which JSON cannot write.
            double number = json.getNode().isDouble() ? json.getNode().doubleValue() : 0;
            shown.put("data", Map.of("json", Double.isInfinite(number) ? number > 0 ? "1e999" : "-1e999" : JSON.writeValueAsString(json.getNode())));
        } else if (data != null) {
            shown.put("data", Map.of("binary", Base64.getEncoder().encodeToString(data.toBytes())));
        }
        return shown;
    }

    static Map<String, Object> typed(Object value, String name) {
        String kind = value instanceof Boolean ? "Boolean" : value instanceof Integer ? "Integer" : value instanceof byte[] ? "Binary"
            : value instanceof OffsetDateTime ? "Timestamp" : value instanceof URI ? name.equals("dataschema") ? "URI" : "URI-reference"
            : value instanceof String ? "String" : value.getClass().getSimpleName();
        Object shown = value instanceof byte[] bytes ? Base64.getEncoder().encodeToString(bytes)
            : value instanceof Boolean || value instanceof Integer ? value
            : value instanceof OffsetDateTime time ? io.cloudevents.types.Time.writeTime(time) : value.toString();
        return Map.of("type", kind, "value", shown);
    }

    static Object encode(JsonNode request) throws Exception {
        String via = request.path("via").asText(), mode = request.path("mode").asText("binary"), format = request.path("format").asText("json");
        if (mode.equals("batched")) throw new Unsupported("the SDK has no batches", "mode");
        if (request.path("events").size() != 1) throw new Unsupported("the API takes one event", "events");
        CloudEvent event = build(request.path("events").get(0));
        if (FORMATS.containsKey(via)) return Map.of("message", Map.of("body", bytes(format(via).serialize(event))));
        if (via.equals("kafka") && FORMATS.containsKey(format)) return Map.of("message", record(request, event, mode, format));
        if (!via.equals("http") || !FORMATS.containsKey(format)) throw new Unsupported("no " + via + " with " + format);
        var headers = new ArrayList<List<String>>();
        var body = new byte[1][];
        var writer = HttpMessageFactory.createWriter((name, value) -> headers.add(List.of(name, value)), written -> body[0] = written);
        if (mode.equals("structured")) writer.writeStructured(event, format(format)); else writer.writeBinary(event);
        // As the documentation of the SDK sends them. It refuses line breaks; nothing is connected to.
        var connection = URI.create("http://localhost/").toURL().openConnection();
        for (var field : headers) connection.setRequestProperty(field.get(0), field.get(1));
        // Headers as the octets of their text, which HTTP libraries write as UTF-8 or refuse.
        headers.replaceAll(field -> List.of(field.get(0), new String(field.get(1).getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1)));
        return Map.of("message", Map.of("headers", headers, "body", bytes(body[0] == null ? new byte[0] : body[0])));
    }

    static Object record(JsonNode request, CloudEvent event, String mode, String format) {
        JsonNode key = request.path("options").path("key");
        if (key.isTextual()) throw new Unsupported("the mapping of partitionkey is an interceptor of the client");
        var writer = KafkaMessageFactory.createWriter("topic", key.isMissingNode() ? null : octets(key));
        ProducerRecord<byte[], byte[]> record = mode.equals("structured") ? writer.writeStructured(event, format(format)) : writer.writeBinary(event);
        var headers = new ArrayList<List<Object>>();
        for (Header header : record.headers()) headers.add(List.of(header.key(), bytes(header.value())));
        var message = new LinkedHashMap<String, Object>();
        message.put("key", record.key() == null ? null : bytes(record.key()));
        message.put("headers", headers);
        message.put("value", record.value() == null ? null : bytes(record.value()));
        return message;
    }

    static byte[] optional(JsonNode tagged) { return tagged.isObject() ? octets(tagged) : null; }

    static CloudEvent build(JsonNode from) throws Exception {
        var version = SpecVersion.parse(from.path("specversion").asText());
        CloudEventBuilder builder = CloudEventBuilder.fromSpecVersion(version);
        for (var entries = from.path("attributes").fields(); entries.hasNext(); ) {
            var entry = entries.next();
            String name = entry.getKey(), kind = entry.getValue().path("type").asText();
            JsonNode value = entry.getValue().path("value");
            String text = value.asText();
            try {
                switch (name) {
                    case "id" -> builder.withId(text);
                    case "source" -> builder.withSource(URI.create(text));
                    case "type" -> builder.withType(text);
                    case "subject" -> builder.withSubject(text);
                    case "datacontenttype" -> builder.withDataContentType(text);
                    case "dataschema", "schemaurl" -> builder.withDataSchema(URI.create(text));
                    case "time" -> builder.withTime(OffsetDateTime.parse(text));
                    default -> {
                        switch (kind) {
                            case "Boolean" -> builder.withExtension(name, value.asBoolean());
                            case "Integer" -> builder.withExtension(name, value.canConvertToInt() ? (Number) value.asInt() : (Number) value.asLong());
                            case "Binary" -> builder.withExtension(name, Base64.getDecoder().decode(text));
                            case "URI", "URI-reference" -> builder.withExtension(name, URI.create(text));
                            case "Timestamp" -> builder.withExtension(name, OffsetDateTime.parse(text));
                            default -> builder.withExtension(name, text);
                        }
                    }
                }
            } catch (DateTimeException | IllegalArgumentException error) {
                if (error instanceof DateTimeException || kind.startsWith("URI") || name.equals("source") || name.equals("dataschema"))
                    throw new Unsupported("the API takes no such value: " + error.getMessage(), name);
                throw error;
            }
        }
        if (from.has("data")) {
            var data = from.path("data").fields().next();
            String text = data.getValue().asText();
            switch (data.getKey()) {
                case "json" -> {
                    try {
                        builder.withData(JsonCloudEventData.wrap(JSON.readTree(text)));
                    } catch (com.fasterxml.jackson.core.JacksonException error) {
                        throw new Unsupported("the API takes a JSON value", "data");
                    }
                }
                case "text" -> throw new Unsupported("the API takes bytes, not text", "data");
                default -> builder.withData(Base64.getDecoder().decode(text));
            }
        }
        return builder.build();
    }

    static EventFormat format(String name) { return EventFormatProvider.getInstance().resolveFormat(FORMATS.get(name)); }

    static byte[] octets(JsonNode tagged) {
        return tagged.has("base64") ? Base64.getDecoder().decode(tagged.get("base64").asText()) : tagged.path("text").asText().getBytes(StandardCharsets.UTF_8);
    }

    static Object bytes(byte[] octets) {
        String text = utf8(octets);
        boolean plain = text != null && text.chars().noneMatch(c -> c < ' ' && c != '\t' && c != '\r' && c != '\n' || c >= 0x7f && c < 0xa0);
        return plain ? Map.of("text", text) : Map.of("base64", Base64.getEncoder().encodeToString(octets));
    }

    static String utf8(byte[] octets) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(octets)).toString();
        } catch (CharacterCodingException error) {
            return null;
        }
    }
}
