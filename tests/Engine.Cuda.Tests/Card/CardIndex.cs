namespace Edifice.Engine.Cuda.Tests;

/// <summary>The indices of the cards that tests register, none of which a machine has. A registration holds for the whole process: two that took the
/// same index would get each other's card, depending on which test class runs first.</summary>
internal enum CardIndex
{
    /// <summary>The mutation test's.</summary>
    Mutated = 96,

    /// <summary>Of the tests of failing drivers.</summary>
    Failing = 97,

    /// <summary>Emulated, of sm_80.</summary>
    EmulatedAmpere = 98,

    /// <summary>Emulated, the one most tests run on.</summary>
    Emulated = 99,
}
