import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.sun.net.httpserver.HttpServer;
import io.cloudevents.CloudEvent;
import io.cloudevents.CloudEventData;
import io.cloudevents.amqp.ProtonAmqpMessageFactory;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.message.Encoding;
import io.cloudevents.http.HttpMessageFactory;
import io.cloudevents.jackson.JsonCloudEventData;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.CloudEventSerializer;
import io.cloudevents.kafka.KafkaMessageFactory;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.proton.ProtonClient;
import io.vertx.proton.ProtonConnection;
import io.vertx.proton.ProtonSender;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.qpid.proton.message.Message;

/** The official Java SDK with its transports: {@code Peer kafka|amqp|http URL}. See ../../README.md for the lines that it reads and writes. */
public final class Peer {
    static final ObjectMapper JSON = new ObjectMapper();
    static final int PATIENCE = 30;
    static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    interface Send { void event(CloudEvent event) throws Exception; }

    interface Read { CloudEvent event() throws Exception; }

    public static void main(String[] arguments) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            JsonNode request = JSON.readTree(line);
            String address = request.path("address").asText();
            boolean sends = request.has("events");
            boolean binary = !request.path("mode").asText().equals("structured");
            int count = request.path("count").asInt();
            JsonNode events = request.path("events");
            Object answer = switch (arguments[0]) {
                case "kafka" -> sends ? kafkaSend(arguments[1], address, binary, events) : kafkaReceive(arguments[1], address, count);
                case "amqp" -> sends ? amqpSend(arguments[1], address, binary, events) : amqpReceive(arguments[1], address, count);
                default -> sends ? httpSend(address, binary, events) : httpReceive(address, count);
            };
            OUT.println(JSON.writeValueAsString(answer));
        }
        System.exit(0);
    }

    static List<String> send(JsonNode events, Send send) {
        var answers = new ArrayList<String>();
        for (JsonNode tagged : events) {
            try {
                send.event(build(tagged));
                answers.add(null);
            } catch (Exception error) { // a refusal is an answer
                answers.add(String.valueOf(error));
            }
        }
        return answers;
    }

    static Object read(Read read) {
        try {
            return plain(read.event());
        } catch (Exception error) {
            return Map.of("error", String.valueOf(error));
        }
    }

    static Object kafkaSend(String servers, String topic, boolean binary, JsonNode events) {
        var serializer = new CloudEventSerializer();
        serializer.configure(Map.of(CloudEventSerializer.ENCODING_CONFIG, binary ? Encoding.BINARY : Encoding.STRUCTURED,
            CloudEventSerializer.EVENT_FORMAT_CONFIG, JsonFormat.CONTENT_TYPE), false);
        Map<String, Object> settings = Map.of("bootstrap.servers", servers);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), serializer)) {
            return send(events, event -> producer.send(new ProducerRecord<>(topic, event)).get(PATIENCE, TimeUnit.SECONDS));
        }
    }

    static Object kafkaReceive(String servers, String topic, int count) {
        var answers = new ArrayList<>();
        Map<String, Object> settings = Map.of("bootstrap.servers", servers, "group.id", "java", "enable.auto.commit", false);
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE);
            while (answers.size() < count && System.nanoTime() < end) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    answers.add(read(() -> KafkaMessageFactory.createReader(record).toEvent()));
                }
            }
        }
        return answers;
    }

    /** A connection of vertx-proton, which is used in its own context only. */
    static final class Amqp implements AutoCloseable {
        final Vertx vertx = Vertx.vertx();
        final Context context = vertx.getOrCreateContext();
        final ProtonConnection connection;

        Amqp(String url) throws Exception {
            var place = URI.create(url);
            connection = in(done -> ProtonClient.create(vertx).connect(place.getHost(), place.getPort(), connected -> {
                if (connected.failed()) done.completeExceptionally(connected.cause());
                else connected.result().openHandler(open -> done.complete(open.result())).open();
            }));
        }

        <T> T in(Consumer<CompletableFuture<T>> act) throws Exception {
            var done = new CompletableFuture<T>();
            context.runOnContext(none -> act.accept(done));
            return done.get(PATIENCE, TimeUnit.SECONDS);
        }

        public void close() {
            context.runOnContext(none -> connection.close());
            vertx.close();
        }
    }

    static Object amqpSend(String url, String address, boolean binary, JsonNode events) throws Exception {
        try (var amqp = new Amqp(url)) {
            ProtonSender link = amqp.in(done -> {
                var sender = amqp.connection.createSender(address);
                sender.openHandler(open -> done.complete(open.result())).open();
            });
            return send(events, event -> {
                var writer = ProtonAmqpMessageFactory.createWriter();
                Message message = binary ? writer.writeBinary(event) : writer.writeStructured(event, JsonFormat.CONTENT_TYPE);
                amqp.in(done -> {
                    try {
                        link.send(message, done::complete);
                    } catch (Exception error) {
                        done.completeExceptionally(error);
                    }
                });
            });
        }
    }

    static Object amqpReceive(String url, String address, int count) throws Exception {
        var arrived = new ArrayBlockingQueue<Object>(count);
        try (var amqp = new Amqp(url)) {
            amqp.context.runOnContext(none -> amqp.connection.createReceiver(address).setPrefetch(count)
                .handler((delivery, message) -> arrived.offer(read(() -> ProtonAmqpMessageFactory
                    .createReader(message.getContentType(), message.getApplicationProperties(), message.getBody()).toEvent())))
                .open());
            return take(arrived, count);
        }
    }

    static List<Object> take(ArrayBlockingQueue<Object> arrived, int count) throws InterruptedException {
        var answers = new ArrayList<>();
        while (answers.size() < count) {
            Object one = arrived.poll(PATIENCE, TimeUnit.SECONDS);
            if (one == null) break;
            answers.add(one);
        }
        return answers;
    }

    /** As the SDK's documentation does it. */
    static Object httpSend(String url, boolean binary, JsonNode events) {
        return send(events, event -> {
            var connection = (HttpURLConnection) new URL(url).openConnection();
            connection.setRequestMethod("POST");
            connection.setDoOutput(true);
            var failed = new ArrayList<Exception>();
            var writer = HttpMessageFactory.createWriter(connection::setRequestProperty, body -> {
                try {
                    if (body != null) try (var out = connection.getOutputStream()) { out.write(body); }
                } catch (Exception error) { failed.add(error); }
            });
            if (binary) writer.writeBinary(event); else writer.writeStructured(event, JsonFormat.CONTENT_TYPE);
            if (!failed.isEmpty()) throw failed.get(0);
            int status = connection.getResponseCode();
            if (status >= 300) throw new IllegalStateException("refused with " + status);
        });
    }

    static Object httpReceive(String url, int count) throws Exception {
        var arrived = new ArrayBlockingQueue<Object>(count);
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", URI.create(url).getPort()), 0);
        server.createContext("/", exchange -> {
            byte[] body = exchange.getRequestBody().readAllBytes();
            arrived.offer(read(() -> HttpMessageFactory.createReaderFromMultimap(exchange.getRequestHeaders(), body).toEvent()));
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();
        OUT.println("\"subscribed\"");
        try {
            return take(arrived, count);
        } finally {
            server.stop(0);
        }
    }

    static CloudEvent build(JsonNode tagged) throws Exception {
        var builder = CloudEventBuilder.v1();
        tagged.path("attributes").fields().forEachRemaining(attribute -> {
            String name = attribute.getKey(), text = attribute.getValue().path("value").asText();
            JsonNode value = attribute.getValue().path("value");
            switch (name) {
                case "id" -> builder.withId(text);
                case "source" -> builder.withSource(URI.create(text));
                case "type" -> builder.withType(text);
                case "subject" -> builder.withSubject(text);
                case "time" -> builder.withTime(OffsetDateTime.parse(text));
                case "datacontenttype" -> builder.withDataContentType(text);
                case "dataschema" -> builder.withDataSchema(URI.create(text));
                default -> {
                    switch (attribute.getValue().path("type").asText()) {
                        case "Boolean" -> builder.withExtension(name, value.asBoolean());
                        case "Integer" -> builder.withExtension(name, (Integer) value.asInt());
                        case "Binary" -> builder.withExtension(name, Base64.getDecoder().decode(text));
                        case "URI", "URI-reference" -> builder.withExtension(name, URI.create(text));
                        case "Timestamp" -> builder.withExtension(name, OffsetDateTime.parse(text));
                        default -> builder.withExtension(name, text);
                    }
                }
            }
        });
        JsonNode data = tagged.path("data");
        if (data.has("json")) builder.withData(data.path("json").asText().getBytes(StandardCharsets.UTF_8));
        if (data.has("text")) builder.withData(data.path("text").asText().getBytes(StandardCharsets.UTF_8));
        if (data.has("binary")) builder.withData(Base64.getDecoder().decode(data.path("binary").asText()));
        return builder.build();
    }

    static Object plain(CloudEvent event) throws Exception {
        var attributes = JSON.createObjectNode();
        for (String name : event.getAttributeNames()) attributes.put(name, text(event.getAttribute(name)));
        for (String name : event.getExtensionNames()) attributes.put(name, text(event.getExtension(name)));
        attributes.put("specversion", event.getSpecVersion().toString());
        attributes.remove(absent(attributes));
        CloudEventData data = event.getData();
        byte[] bytes = data instanceof JsonCloudEventData json ? JSON.writeValueAsBytes(json.getNode()) : data == null ? null : data.toBytes();
        var plain = JSON.createObjectNode();
        plain.set("attributes", attributes);
        plain.put("data", bytes == null ? null : Base64.getEncoder().encodeToString(bytes));
        return plain;
    }

    /** The names of attributes that are not there. */
    static List<String> absent(com.fasterxml.jackson.databind.node.ObjectNode attributes) {
        var absent = new ArrayList<String>();
        attributes.fields().forEachRemaining(field -> { if (field.getValue().isNull()) absent.add(field.getKey()); });
        return absent;
    }

    static String text(Object value) {
        if (value == null) return null;
        if (value instanceof byte[] bytes) return Base64.getEncoder().encodeToString(bytes);
        if (value instanceof OffsetDateTime time) return io.cloudevents.types.Time.writeTime(time);
        return value.toString();
    }
}
