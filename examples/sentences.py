"""Short English texts: 64 to calibrate on, 32 others to evaluate on."""

CALIBRATION = """\
The train to the coast leaves at half past seven every morning.
She planted three rows of tomatoes behind the old barn.
How do I reset the password of my email account?
The committee rejected the proposal after a long debate.
Quantum computers use superposition to explore many states at once.
He forgot his umbrella, and of course it rained all day.
Add two cups of flour, a pinch of salt and stir until smooth.
The stock market fell sharply after the central bank raised interest rates.
A black cat slept on the warm hood of the car.
Which river flows through the city of Budapest?
The patient was given antibiotics and sent home the next day.
Our flight was delayed because of fog over the airport.
Photosynthesis turns light, water and carbon dioxide into sugar.
I would like to book a table for four on Friday evening.
The detective noticed a faint smell of almonds in the room.
Children under the age of six travel free of charge.
The new bridge shortens the journey by forty minutes.
Please find attached the signed contract and the invoice.
Wild geese fly south in a V to save energy.
The violinist tuned her instrument while the hall filled up.
What is the difference between a virus and a bacterium?
The museum displays pottery from the fourth century.
My phone battery dies before noon even when I hardly use it.
The glacier has retreated more than two kilometres since 1950.
They painted the kitchen yellow and the hallway green.
The function returns an error if the file does not exist.
Grandmother told us stories about the war by candlelight.
The goalkeeper saved two penalties in the final.
Coffee prices have doubled since the drought in Brazil.
Turn left at the church and follow the road for a mile.
The judge asked the jury to disregard the last statement.
An octopus has three hearts and blue blood.
We need more volunteers for the beach cleanup on Sunday.
The software update fixes a serious security problem.
His handwriting was so small that nobody could read it.
The sun rises later each day in autumn.
Is it safe to eat raw eggs?
The orchestra played the symphony without an intermission.
Engineers tested the turbine at temperatures above a thousand degrees.
There was nothing in the fridge except a lemon and some butter.
The novel follows three generations of a fishing family.
Rent in the capital has risen faster than wages.
A sudden gust of wind scattered the papers across the yard.
Vaccines train the immune system to recognise a pathogen.
The dog refused to leave the house during the thunderstorm.
You can return the shoes within thirty days with a receipt.
The astronauts repaired the telescope during a six hour spacewalk.
Nobody expected the quiet student to win the debate.
Bees communicate the direction of flowers by dancing.
The library will be closed for renovation until March.
He learned to play chess from his neighbour, a retired teacher.
The recipe calls for fresh basil, garlic and olive oil.
Protesters gathered outside the parliament on Tuesday.
The engine makes a rattling noise when I accelerate.
Ancient sailors found their way by the stars.
The company announced record profits and a thousand new jobs.
I have never seen so many fireflies in one place.
The bill passed by a margin of only two votes.
Snow blocked the mountain pass for almost a week.
Can you recommend a good book about the history of mathematics?
The baby laughed every time the balloon touched the ceiling.
Copper conducts electricity better than iron.
The tailor shortened the sleeves and replaced the buttons.
After the concert we walked home along the canal.
""".splitlines()

EVALUATION = """\
The ferry crosses the strait twice a day in summer.
A gardener was pruning roses beside the wall.
How can I change the language of my keyboard?
Scientists found traces of water on the surface of the moon.
The soup needs a little more pepper and some cream.
Share prices recovered after the announcement of the merger.
The kitten chased a ball of wool across the carpet.
What is the capital of New Zealand?
The nurse took his temperature and wrote it down.
All trains to the north are cancelled because of ice.
Plants need nitrogen to build proteins.
Could I have a room with a view of the sea?
The thief left through the window without a sound.
Tickets for students cost half the normal price.
The tunnel under the river opened ten years ago.
I have attached my résumé and two references.
Swallows return to the same nest every spring.
The pianist made her debut at the age of nine.
Why does bread rise when it is baked?
A coin from the Roman empire was found in the field.
The laptop becomes very hot when I play games.
Sea levels may rise by half a metre this century.
We bought a blue sofa and two wooden chairs.
The program crashes when the list is empty.
Grandfather repaired clocks in a workshop behind the house.
The striker scored twice in the last five minutes.
Farmers are worried about the lack of rain.
Go straight ahead and take the second street on the right.
The witness could not remember the colour of the car.
Dolphins sleep with one half of the brain at a time.
The park needs helpers to plant new trees in April.
This patch closes a hole in the encryption library.
""".splitlines()
