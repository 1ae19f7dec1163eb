using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Edifice.GpuProgram;

/// <summary>Runs the test assembly inside this process, without a test host.</summary>
internal static class TestRun
{
    /// <summary>Set for tests that are to use the real card.</summary>
    private const string RealCardVariable = "EDIFICE_TEST_GPU";

    public static bool All(string part)
    {
        Environment.SetEnvironmentVariable(RealCardVariable, "1");
        using var discovery = new Sink();
        var framework = new XunitTestFramework(discovery);
        var name = new AssemblyName("Engine.Cuda.Tests");
        var options = new Options();
        using var cases = new Sink();
        using (var discoverer = framework.GetDiscoverer(Reflector.Wrap(Assembly.Load(name))))
        {
            discoverer.Find(false, cases, options);
            cases.Finished.WaitOne();
        }

        var wanted = cases.Cases.Where(c => c.DisplayName.Contains(part, StringComparison.OrdinalIgnoreCase)).ToArray();
        using var results = new Sink();
        using (var executor = framework.GetExecutor(name))
        {
            executor.RunTests(wanted, results, options);
            results.Finished.WaitOne();
        }

        Console.WriteLine($"{results.Passed} passed, {results.Failed} failed");
        return results.Failed == 0 && results.Passed > 0;
    }

    private sealed class Sink : Xunit.LongLivedMarshalByRefObject, IMessageSink, IDisposable
    {
        public List<ITestCase> Cases { get; } = [];

        public ManualResetEvent Finished { get; } = new(false);

        public int Passed { get; private set; }

        public int Failed { get; private set; }

        public bool OnMessage(IMessageSinkMessage message)
        {
            lock (Cases)
                switch (message)
                {
                    case ITestCaseDiscoveryMessage found:
                        Cases.Add(found.TestCase);
                        break;
                    case ITestPassed:
                        Passed++;
                        break;
                    case ITestFailed failure:
                        Failed++;
                        Console.WriteLine($"FAILED {failure.Test.DisplayName}\n  {string.Join("\n  ", failure.Messages)}");
                        break;
                    case IErrorMessage error:
                        Failed++;
                        Console.WriteLine($"ERROR {string.Join("\n  ", error.Messages)}");
                        break;
                    case IDiscoveryCompleteMessage or ITestAssemblyFinished:
                        Finished.Set();
                        break;
                }

            return true;
        }

        public void Dispose() => Finished.Dispose();
    }

    private sealed class Options : ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
    {
        private readonly Dictionary<string, object?> _values = [];

        public TValue GetValue<TValue>(string name) => _values.TryGetValue(name, out var value) ? (TValue)value! : default!;

        public void SetValue<TValue>(string name, TValue value) => _values[name] = value;
    }
}
