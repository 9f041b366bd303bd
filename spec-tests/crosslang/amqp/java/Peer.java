import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.jms.BytesMessage;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.qpid.jms.JmsConnectionFactory;
import org.apache.qpid.jms.message.JmsMessage;
import org.apache.qpid.jms.provider.amqp.message.AmqpJmsMessageFacade;

/** Qpid JMS, with the API of JMS alone: {@code Peer URL}. See ../../README.md for the lines that it reads and writes. */
public final class Peer {
    static final ObjectMapper JSON = new ObjectMapper();
    static final long PATIENCE = 30_000;
    static final String PREFIX = "cloudEvents_";

    public static void main(String[] arguments) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        try (var connection = new JmsConnectionFactory(arguments[0]).createConnection();
                var session = connection.createSession(Session.AUTO_ACKNOWLEDGE)) {
            connection.start();
            for (String line; (line = in.readLine()) != null; ) {
                JsonNode request = JSON.readTree(line);
                String address = request.path("address").asText();
                Object answer = request.has("events")
                    ? send(session, address, request.path("events"))
                    : receive(session, address, request.path("count").asInt());
                out.println(JSON.writeValueAsString(answer));
            }
        }
    }

    static List<String> send(Session session, String address, JsonNode events) throws JMSException {
        var answers = new ArrayList<String>();
        try (var producer = session.createProducer(session.createQueue(address))) {
            for (JsonNode tagged : events) {
                try {
                    producer.send(message(session, tagged));
                    answers.add(null);
                } catch (JMSException error) { // a refusal is an answer
                    answers.add(String.valueOf(error));
                }
            }
        }
        return answers;
    }

    /** Text as a TextMessage, and bytes as a BytesMessage. The content type is a property like others: JMS has no other place for it. */
    static Message message(Session session, JsonNode tagged) throws JMSException {
        JsonNode data = tagged.path("data");
        Message message;
        if (data.has("binary")) {
            var bytes = session.createBytesMessage();
            bytes.writeBytes(Base64.getDecoder().decode(data.path("binary").asText()));
            message = bytes;
        } else if (data.isObject()) {
            message = session.createTextMessage(data.elements().next().asText());
        } else {
            message = session.createMessage();
        }
        message.setStringProperty(PREFIX + "specversion", tagged.path("specversion").asText());
        for (var attribute : tagged.path("attributes").properties()) {
            JsonNode value = attribute.getValue().path("value");
            String name = PREFIX + attribute.getKey();
            switch (attribute.getValue().path("type").asText()) {
                case "Boolean" -> message.setBooleanProperty(name, value.asBoolean());
                case "Integer" -> message.setLongProperty(name, value.asLong());
                default -> message.setStringProperty(name, value.asText());
            }
        }
        return message;
    }

    static List<Object> receive(Session session, String address, int count) throws JMSException {
        var answers = new ArrayList<>();
        try (var consumer = session.createConsumer(session.createQueue(address))) {
            while (answers.size() < count) {
                Message message = consumer.receive(PATIENCE);
                if (message == null) break;
                try {
                    answers.add(plain(message));
                } catch (JMSException error) {
                    answers.add(Map.of("error", String.valueOf(error)));
                }
            }
        }
        return answers;
    }

    /** The attributes by getStringProperty, which reads numbers and booleans, and neither times nor bytes. */
    static Object plain(Message message) throws JMSException {
        var attributes = new HashMap<String, String>();
        for (Object name : Collections.list(message.getPropertyNames())) {
            String property = String.valueOf(name);
            if (property.startsWith(PREFIX)) {
                attributes.put(property.substring(PREFIX.length()), message.getStringProperty(property));
            }
        }
        // JMS does not show the content type: it is that of the message below.
        var type = ((AmqpJmsMessageFacade) ((JmsMessage) message).getFacade()).getContentType();
        if (type != null) attributes.put("datacontenttype", type.toString());
        var answer = new HashMap<String, Object>(Map.of("attributes", attributes));
        byte[] data = data(message);
        answer.put("data", data == null ? null : Base64.getEncoder().encodeToString(data));
        return answer;
    }

    static byte[] data(Message message) throws JMSException {
        if (message instanceof TextMessage text) {
            return text.getText() == null ? null : text.getText().getBytes(StandardCharsets.UTF_8);
        }
        if (!(message instanceof BytesMessage bytes)) return null;
        var data = new byte[(int) bytes.getBodyLength()];
        bytes.readBytes(data);
        return data;
    }
}
