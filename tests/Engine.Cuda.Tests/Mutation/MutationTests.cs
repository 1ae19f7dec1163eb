using System.Globalization;
using Edifice.Engine.Backends;
using PtxEmulator;
using PtxEmulator.Libraries;
using Xunit.Abstractions;

namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>Defects planted in the kernels that ship: the tests must find nearly all of them.</summary>
/// <remarks>A mutant counts as found when a case that launches its module throws: a checker of the emulator speaks up, or a result is
/// wrong. Some cannot be found, since the kernel is right without the line (a barrier that only saves the next reader of the code a
/// proof, a clamp of what rounding rarely reaches), so the share wanted is below 1. All mutants take hours; a run takes every n-th,
/// beginning elsewhere for each module.</remarks>
public class MutationTests(ITestOutputHelper output)
{
    /// <summary>How many mutants a plain run plants; the variable asks for another number, 0 for all.</summary>
    private const int Planted = 60;

    /// <summary>How many; of which modules, by a part of their first entry's name; into which folder those missed are written.</summary>
    private const string PlantedVariable = "EDIFICE_MUTANTS", ModuleVariable = "EDIFICE_MUTANTS_OF", FolderVariable = "EDIFICE_MUTANTS_TO";

    /// <summary>The share of the defects that has to be found.</summary>
    /// <remarks>Of 300 planted defects 298 were found, of 434 others 428. Missed are a tree that puts together more chunks of a softmax row
    /// than the cases have, digits of double functions below the rounding of a float result, and five lines not looked into. A run of 60 has its
    /// accidents: were each missed with a chance of 1 in 40, seven of 60 would be in one of a thousand choices, so that six are let pass.</remarks>
    private static double Wanted(int tried) => tried >= 300 ? 0.95 : 0.9;

    private const int Index = (int)CardIndex.Mutated;

    [Fact]
    public void Nearly_every_defect_planted_in_a_kernel_is_found()
    {
        var emulated = new EmulatedDriver();
        var driver = new MutatingDriver(emulated);
        var device = new Device(DeviceKind.Cuda, Index);
        void Renew() => BackendRegistry.Register(new CudaBackend(driver, new EmulatedBlas(emulated), new EmulatedFourier(emulated), Index));
        var cases = Corpus.Cases();

        // Which cases launch which module, the cheapest way to know that they do: by running them.
        var users = new Dictionary<string, List<int>>();
        Renew();
        for (var i = 0; i < cases.Count; i++)
        {
            driver.Launched.Clear();
            using (Tensor.Scope()) cases[i].Run(device);
            foreach (var text in driver.Launched)
            {
                if (!users.TryGetValue(text, out var list)) users[text] = list = [];
                list.Add(i);
            }
        }

        var module = Environment.GetEnvironmentVariable(ModuleVariable) ?? "";
        var mutants = users.Keys.Where(text => Name(text).Contains(module, StringComparison.Ordinal)).Order(StringComparer.Ordinal).SelectMany(text => Mutant.Of(text).Select(m => (Original: text, Mutant: m))).ToArray();
        var planted = int.TryParse(Environment.GetEnvironmentVariable(PlantedVariable), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : Planted;
        var stride = planted == 0 ? 1 : Math.Max(1, mutants.Length / planted);
        var missed = new List<string>();
        var folder = Environment.GetEnvironmentVariable(FolderVariable);
        var tried = 0;
        for (var i = stride / 2; i < mutants.Length; i += stride, tried++)
        {
            var (original, mutant) = mutants[i];
            driver.Replacement = (original, mutant.Text);
            Renew();
            if (users[original].Exists(at => Finds(cases[at].Run, device))) continue;
            missed.Add($"{mutant.Kind} at line {mutant.Line} of {Name(original)}: {mutant.Before}");
            if (folder is null) continue;
            var by = string.Join('\n', users[original].Select(at => $"// {cases[at].Name}"));
            File.WriteAllText(Path.Combine(folder, $"{missed.Count}.ptx"), $"// {missed[^1]}\n{by}\n{original}");
        }

        output.WriteLine($"{tried - missed.Count} of {tried} found, of {mutants.Length} there are; missed:");
        foreach (var line in missed) output.WriteLine(line);
        Assert.True(missed.Count <= (1 - Wanted(tried)) * tried + 1e-9, $"only {tried - missed.Count} of {tried} found; missed:\n{string.Join('\n', missed)}");
    }

    private static bool Finds(Action<Device> run, Device device)
    {
        try
        {
            using var scope = Tensor.Scope();
            run(device);
            return false;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return true;
        }
    }

    private static string Name(string text) => text.Split('\n').FirstOrDefault(l => l.Contains(".entry", StringComparison.Ordinal))?.Split("entry")[1].Trim(' ', '(') ?? "a module";
}
