import com.hivemq.embedded.EmbeddedHiveMQ;
import java.nio.file.Path;

/**
 * HiveMQ Community Edition with the config.xml of a folder, in which it also keeps what it has: Broker.java FOLDER. The main class of HiveMQ itself
 * lets nobody in without an extension; embedded, it does.
 */
class Broker {
    public static void main(String[] args) {
        Path folder = Path.of(args[0]);
        try {
            EmbeddedHiveMQ.builder()
                    .withConfigurationFolder(folder)
                    .withDataFolder(folder.resolve("data"))
                    .withExtensionsFolder(folder.resolve("extensions"))
                    .build()
                    .start()
                    .join();
        } catch (RuntimeException failure) {
            failure.printStackTrace();
            System.exit(1); // its threads would stay
        }
    }
}
